"""
``pyreactor bench``: programs on stock Twisted, on pyreactor and on others, in turns.

`works` says what is measured, `sides` on what, `measuring` takes one sample, `rounds` all of them;
`results` tells what they mean, `text`, `screen`, `page` and `charts` show it.  `programs` are the
scripts that are run: ordinary programs, which know nothing of this package.
"""

#!/usr/bin/env bash
# sdist.sh: the source distribution, into dist/.  It is built and imported in an empty environment.
source "$(dirname "$0")/common.sh"

python=$(main_python)
tools=.venvs/release
make_venv "$tools" "$python" .ci/wheel-requirements.txt .ci/release-requirements.txt

# What an earlier build left behind would be taken along.
rm -rf dist pyreactor.egg-info
"$tools/bin/python" -m build --sdist --no-isolation --quiet --outdir dist .
"$tools/bin/twine" --no-color check --strict dist/*.tar.gz

say "building it in an empty environment"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$python" -m venv "$place/env"
"$place/env/bin/python" -m pip install -qq --disable-pip-version-check dist/*.tar.gz
cd "$place"
env/bin/python -c 'import pyreactor._core as core; print(core.__file__)'
env/bin/pyreactor --version

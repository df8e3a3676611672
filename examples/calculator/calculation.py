"""What the calculator can do. Nothing in here knows of a network."""


def add(a, b):
    return a + b


def subtract(a, b):
    return a - b


def multiply(a, b):
    return a * b


def divide(a, b):
    return a // b


OPERATIONS = {function.__name__: function for function in (add, subtract, multiply, divide)}

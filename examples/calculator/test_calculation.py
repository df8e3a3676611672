"""Plain tests, for plain functions.

trial test_calculation                                       all of this module
trial test_calculation.CalculationTests                      one class
trial test_calculation.CalculationTests.test_add             one test
"""

from calculation import add, divide, multiply, subtract
from twisted.trial import unittest


class CalculationTests(unittest.SynchronousTestCase):
    def test_add(self):
        self.assertEqual(add(3, 8), 11)

    def test_subtract(self):
        self.assertEqual(subtract(7, 3), 4)

    def test_multiply(self):
        self.assertEqual(multiply(12, 5), 60)

    def test_divide(self):
        self.assertEqual(divide(12, 5), 2)

    def test_divide_by_zero(self):
        self.assertRaises(ZeroDivisionError, divide, 1, 0)

    def test_fractions(self):
        self.assertEqual(divide(1, 2), 0.5)

    test_fractions.todo = "the calculator knows whole numbers only"

"""Whether the fit finds what figures were made of. `make check` runs this."""

import unittest

from model import TERMS, Fit, least_squares, shaped

SHAPES = [{"size": size} for size in (100, 1024, 65_536)] + [{"headers": number} for number in (0, 3, 20)]
SHAPES += [{"handlers": 8, "size": size, "headers": number} for size in (100, 8192) for number in (0, 20)]
SHAPES = [shaped(point) for point in SHAPES]


class ModelTest(unittest.TestCase):
    def made_of(self, factors: list[float]) -> list[tuple[dict, float]]:
        return [(point, sum(factor * term(point) for factor, (_, term) in zip(factors, TERMS))) for point in SHAPES]

    def test_finds_the_factors(self):
        factors = [0.5, 0.25, 0.04, 0.4, 0.2, 0.01]
        fit = Fit(TERMS, self.made_of(factors))
        for found, factor in zip(fit.factors, factors):
            self.assertAlmostEqual(found, factor, places=6)
        self.assertLess(fit.worst_error(), 1e-6)

    def test_small_and_large_points_weigh_the_same(self):
        # One of the two is off by a tenth each; between their ratios lies what is found.
        self.assertAlmostEqual(least_squares([[1.0], [1000.0]], [1.1, 900.0])[0], 0.98, places=1)

    def test_nothing_makes_an_event_cheaper(self):
        fit = Fit(TERMS, self.made_of([0.5, 0.25, -0.01, 0.4, 0.2, 0.01]))
        self.assertEqual(fit.factors[2], 0.0)
        self.assertTrue(all(factor >= 0 for factor in fit.factors), fit.factors)
        self.assertGreater(fit.worst_error(), 0.001)


if __name__ == "__main__":
    unittest.main()

"""The Gaussian process against scikit-learn's with an equal kernel, and against differences."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern
from sklearn.gaussian_process.kernels import Kernel as ScikitKernel

from nas.search.known_cost.gaussian_process import (
    JITTER,
    GaussianProcess,
    Hyperparameters,
    LogPosterior,
    fit,
    prior_of,
)
from nas.search.known_cost.kernel import Columns, Inputs, Kernel

COLUMNS = Columns(np.array([0, 1, 1, 2]), np.array([True, False, False, True]))
ROUGH, LINE, COST_LINE, NOISE = 0.8, 0.6, 0.4, 0.1
LENGTHS, COST_LENGTH, NORM = np.array([0.5, 2.0, 1.3]), 0.9, 1.7


def members(count: int, seed: int = 0) -> Inputs:
    generator = np.random.default_rng(seed)
    return Inputs(generator.uniform(-0.5, 0.5, (count, 4)), generator.uniform(-1, 1, count))


def hyperparameters() -> Hyperparameters:
    kernel = Kernel(COLUMNS, LENGTHS, COST_LENGTH, ROUGH, LINE, COST_LINE, NORM)
    return Hyperparameters(kernel, NOISE)


class Part(ScikitKernel):
    """A kernel of scikit-learn's, of some columns."""

    def __init__(self, kernel: ScikitKernel, columns: tuple[int, ...]) -> None:
        self.kernel = kernel
        self.columns = columns

    def __call__(
        self, X: np.ndarray, Y: np.ndarray | None = None, eval_gradient: bool = False
    ) -> np.ndarray:
        chosen = list(self.columns)
        return self.kernel(X[:, chosen], None if Y is None else Y[:, chosen])

    def diag(self, X: np.ndarray) -> np.ndarray:
        return self.kernel.diag(X[:, list(self.columns)])

    def is_stationary(self) -> bool:
        return False


def scikit_learn(values: np.ndarray, inputs: Inputs, extra: np.ndarray) -> GaussianProcessRegressor:
    # Matern 1/2 is exp(-distance / length); a corner's length divides a squared distance
    parts = [
        Part(Matern(LENGTHS[0], nu=0.5), (0,)),
        Part(RBF(np.sqrt(LENGTHS[1] / 2)), (1, 2)),
        Part(Matern(LENGTHS[2], nu=0.5), (3,)),
        Part(RBF(COST_LENGTH), (4,)),
    ]
    lines = DotProduct(sigma_0=0.0, sigma_0_bounds="fixed")
    kernel = (
        ROUGH**2 * parts[0] * parts[1] * parts[2] * parts[3]
        + LINE**2 / NORM * Part(lines, (0, 1, 2, 3))
        + COST_LINE**2 * Part(lines, (4,))
    )
    alpha = NOISE**2 + extra + JITTER
    return GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None).fit(rows(inputs), values)


def rows(inputs: Inputs) -> np.ndarray:
    return np.column_stack([inputs.vectors_MD, inputs.costs_M])


def test_the_posterior_is_scikit_learns() -> None:
    inputs, others = members(20), members(7, seed=1)
    generator = np.random.default_rng(2)
    values, extra = generator.normal(size=20), generator.uniform(0, 0.3, 20)
    means, sds = GaussianProcess(hyperparameters(), inputs, values, extra).predict(others)
    expected, spread = scikit_learn(values, inputs, extra).predict(rows(others), return_std=True)
    assert means == pytest.approx(expected, abs=1e-9)
    assert sds == pytest.approx(spread, abs=1e-7)


def test_condition_on_moves_no_mean_and_equals_a_process_that_was_told() -> None:
    inputs, more, others = members(15), members(4, seed=1), members(6, seed=2)
    values = np.random.default_rng(3).normal(size=15)
    process = GaussianProcess(hyperparameters(), inputs, values, np.zeros(15))
    condition_on = process.condition_on(more)
    told = GaussianProcess(
        hyperparameters(),
        Inputs(
            np.vstack([inputs.vectors_MD, more.vectors_MD]), np.append(inputs.costs_M, more.costs_M)
        ),
        np.append(values, process.predict(more)[0]),
        np.zeros(19),
    )
    for left, right in zip(condition_on.predict(others), told.predict(others), strict=True):
        assert left == pytest.approx(right, abs=1e-8)
    assert condition_on.predict(others)[0] == pytest.approx(process.predict(others)[0], abs=1e-8)
    assert np.all(condition_on.predict(others)[1] < process.predict(others)[1])


def test_the_gradient_is_that_of_the_loss() -> None:
    inputs = members(12)
    values = np.random.default_rng(1).normal(size=12)
    prior = prior_of(3)
    posterior = LogPosterior(inputs, values, np.full(12, 0.01), COLUMNS, prior, NORM)
    point = prior.means_H + np.linspace(-0.5, 0.5, len(prior.means_H))
    error = check_grad(lambda x: posterior.loss(x)[0], lambda x: posterior.loss(x)[1], point)
    assert error < 1e-4


def test_fitting_finds_which_parameter_matters_and_how_much_noise_there_is() -> None:
    generator = np.random.default_rng(0)
    inputs = members(120)
    truth = np.sin(6 * inputs.vectors_MD[:, 0])
    noisy = truth + generator.normal(0, 0.3, 120)
    fitted = fit(inputs, noisy / noisy.std(), np.zeros(120), COLUMNS)
    assert fitted.kernel.lengths_P[0] == min(fitted.kernel.lengths_P)
    assert fitted.noise_sd * noisy.std() == pytest.approx(0.3, rel=0.25)

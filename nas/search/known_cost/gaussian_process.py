"""A Gaussian process: what a metric is expected to be where it wasn't measured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from nas.search.known_cost.kernel import Columns, Inputs, Kernel, distances

Floats = NDArray[np.float64]
MAX_STEPS = 30
JITTER = 1e-6


@dataclass(frozen=True)
class Hyperparameters:
    """A kernel and the SD of noise, both for values scaled to mean 0 and SD 1."""

    kernel: Kernel
    noise_sd: float
    logs: Floats
    """The same as the optimiser sees it."""


@dataclass(frozen=True)
class Prior:
    """Independent normal distributions of the logarithms of all hyperparameters."""

    means: Floats
    sds: Floats


def prior_of(parameters: int) -> Prior:
    """Weakly informed: differences in a few parameters leave members alike; little noise.

    Lengths grow with the root of the number of parameters, as distances do (Hvarfner et al. 2024).
    """
    length = np.log(LENGTH * np.sqrt(max(parameters, 1)))
    means = [length] * parameters + [np.log(COST_LENGTH)]
    means += [np.log(value) for value in (ROUGH, LINE, COST_LINE, NOISE)]
    sds = [LENGTH_SD] * parameters + [0.7, 0.7, 0.7, 0.7, NOISE_SD]
    return Prior(np.array(means), np.array(sds))


LENGTH, COST_LENGTH, LENGTH_SD = 3.0, 1.0, 0.5
ROUGH, LINE, COST_LINE = 0.7, 0.5, 0.5
NOISE, NOISE_SD = 0.05, 1.0


def fit(
    members: Inputs,
    values: Floats,
    variances: Floats,
    columns: Columns,
    start: Floats | None = None,
) -> Hyperparameters:
    """The most probable hyperparameters given the values (scaled; `variances` is known noise)."""
    prior = prior_of(columns.parameters)
    norm = _norm(members)
    posterior = LogPosterior(members, values, variances, columns, prior, norm)
    begin = prior.means
    if start is not None and len(start) == len(begin):
        begin = start
    found = minimize(
        posterior.loss,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([prior.means - 3 * prior.sds, prior.means + 3 * prior.sds]),
        options={"maxiter": MAX_STEPS},
    )
    return _hyperparameters(found.x, columns, norm)


def _norm(members: Inputs) -> float:
    return float(np.mean(np.sum(members.vectors**2, axis=1))) or 1.0


def _hyperparameters(logs: Floats, columns: Columns, norm: float) -> Hyperparameters:
    sizes = np.exp(logs)
    lengths, (cost_length, rough, line, cost_line, noise) = sizes[:-5], sizes[-5:]
    kernel = Kernel(
        columns, lengths, float(cost_length), float(rough), float(line), float(cost_line), norm
    )
    return Hyperparameters(kernel, float(noise), logs)


class LogPosterior:
    """Minus the log of the posterior density of hyperparameters, up to a constant."""

    def __init__(
        self,
        members: Inputs,
        values: Floats,
        variances: Floats,
        columns: Columns,
        prior: Prior,
        norm: float,
    ) -> None:
        self.values = values
        self.variances = variances
        self.prior = prior
        self.distances = distances(members, columns).reshape(len(prior.means) - 4, -1)
        self.lines = members.vectors @ members.vectors.T / norm
        self.cost_lines = np.outer(members.costs, members.costs)

    def loss(self, logs: Floats) -> tuple[float, Floats]:
        """The loss and its gradient."""
        # an exponential of distance over length, and of half a squared one over a squared length
        powers = np.append(np.ones(len(logs) - 5), 2.0)
        inverse = np.exp(-powers * logs[:-4])
        rough, line, cost_line, noise = np.exp(2 * logs[-4:])
        correlation = np.exp(-(inverse @ self.distances)).reshape(self.lines.shape)
        covariance = rough * correlation + line * self.lines + cost_line * self.cost_lines
        covariance[np.diag_indices_from(covariance)] += noise + self.variances + JITTER
        factor = cholesky(covariance, lower=True, check_finite=False)
        precision = cho_solve((factor, True), np.eye(len(self.values)), check_finite=False)
        weights = precision @ self.values
        away = (logs - self.prior.means) / self.prior.sds
        loss = 0.5 * self.values @ weights + np.sum(np.log(np.diag(factor))) + 0.5 * away @ away
        # d loss / d covariance, then the chain rule; factors 2 come from the logs of SDs
        slope = 0.5 * (precision - np.outer(weights, weights))
        shared = rough * slope * correlation
        gradient = np.empty_like(logs)
        gradient[:-4] = (self.distances @ shared.ravel()) * powers * inverse
        gradient[-4] = 2 * np.sum(shared)
        gradient[-3] = 2 * line * np.sum(slope * self.lines)
        gradient[-2] = 2 * cost_line * np.sum(slope * self.cost_lines)
        gradient[-1] = 2 * noise * np.trace(slope)
        return float(loss), gradient + away / self.prior.sds


class GaussianProcess:
    """The posterior given values (scaled) of some members."""

    def __init__(
        self, hyperparameters: Hyperparameters, members: Inputs, values: Floats, variances: Floats
    ) -> None:
        self.kernel = hyperparameters.kernel
        self.noise = hyperparameters.noise_sd**2
        self.members = members
        self.factor = self._factor(variances)
        self.half = solve_triangular(self.factor, values, lower=True, check_finite=False)

    def _factor(self, variances: Floats) -> Floats:
        covariance = self.kernel.covariance(self.members, self.members)
        covariance[np.diag_indices_from(covariance)] += self.noise + variances + JITTER
        factor: Floats = cholesky(covariance, lower=True, check_finite=False)
        return factor

    def predict(self, members: Inputs) -> tuple[Floats, Floats]:
        """Mean and SD of the true value of each member, noise of a measurement not included."""
        across = self.kernel.covariance(self.members, members)
        solved = solve_triangular(self.factor, across, lower=True, check_finite=False)
        left = self.kernel.variance(members) - np.einsum("ij,ij->j", solved, solved)
        return solved.T @ self.half, np.sqrt(np.maximum(left, 1e-12))

    def condition_on(self, more: Inputs) -> "GaussianProcess":
        """The posterior after values of more members that come out as predicted.

        Only uncertainty falls. The factor grows by rows: nothing is factored twice.
        """
        if not len(more):
            return self
        across = self.kernel.covariance(self.members, more)
        solved = solve_triangular(self.factor, across, lower=True, check_finite=False)
        rest = self.kernel.covariance(more, more) - solved.T @ solved
        rest[np.diag_indices_from(rest)] += self.noise + JITTER
        corner = cholesky(rest, lower=True, check_finite=False)
        grown = object.__new__(GaussianProcess)
        grown.kernel, grown.noise = self.kernel, self.noise
        grown.members = Inputs(
            np.vstack([self.members.vectors, more.vectors]),
            np.concatenate([self.members.costs, more.costs]),
        )
        grown.factor = np.block(
            [[self.factor, np.zeros((len(self.factor), len(corner)))], [solved.T, corner]]
        )
        # A value at its prediction leaves nothing to explain.
        grown.half = np.concatenate([self.half, np.zeros(len(corner))])
        return grown

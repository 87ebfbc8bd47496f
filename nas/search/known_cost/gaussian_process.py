"""A Gaussian process: what a metric is expected to be where it wasn't measured.

Axes: M members with known values, N others, D columns of an encoded member, P parameters, H
hyperparameters, X pairs of members in a row.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from nas.search.known_cost.kernel import Columns, Inputs, Kernel, distances

Floats = NDArray[np.float64]
MAX_STEPS = 30
JITTER = 1e-6
LENGTH, COST_LENGTH, LENGTH_SD = 3.0, 1.0, 0.5
ROUGH, LINE, COST_LINE = 0.7, 0.5, 0.5
NOISE, NOISE_SD = 0.05, 1.0
"""What `prior_of` takes for likely."""


@dataclass(frozen=True)
class Hyperparameters:
    """A kernel and the SD of noise, both for values scaled to mean 0 and SD 1."""

    kernel: Kernel
    noise_sd: float


@dataclass(frozen=True)
class Prior:
    """Independent normal distributions of the logarithms of all hyperparameters."""

    means_H: Floats
    sds_H: Floats


def prior_of(parameters: int) -> Prior:
    """Weakly informed: differences in a few parameters leave members alike; little noise.

    Lengths grow with the root of the number of parameters, as distances do (Hvarfner et al. 2024).
    """
    length = np.log(LENGTH * np.sqrt(max(parameters, 1)))
    means = [length] * parameters + [np.log(COST_LENGTH)]
    means += [np.log(value) for value in (ROUGH, LINE, COST_LINE, NOISE)]
    sds = [LENGTH_SD] * parameters + [0.7, 0.7, 0.7, 0.7, NOISE_SD]
    return Prior(np.array(means), np.array(sds))


def fit(
    members: Inputs,
    values_M: Floats,
    variances_M: Floats,
    columns: Columns,
) -> Hyperparameters:
    """The most probable hyperparameters given the values (scaled; `variances_M` is known noise)."""
    prior = prior_of(columns.parameters)
    norm = _norm(members)
    posterior = LogPosterior(members, values_M, variances_M, columns, prior, norm)
    found = minimize(
        posterior.loss,
        prior.means_H,
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([prior.means_H - 3 * prior.sds_H, prior.means_H + 3 * prior.sds_H]),
        options={"maxiter": MAX_STEPS},
    )
    return _hyperparameters(found.x, columns, norm)


def with_columns(known: Hyperparameters, columns: Columns) -> Hyperparameters:
    """The same for more columns, of whose parameters nothing is known but what is likely."""
    kernel = known.kernel
    more = columns.parameters - kernel.columns.parameters
    likely = np.full(more, LENGTH * np.sqrt(columns.parameters))
    lengths_P = np.concatenate([kernel.lengths_P, likely])
    wider = replace(kernel, columns=columns, lengths_P=lengths_P)
    return replace(known, kernel=wider)


def _norm(members: Inputs) -> float:
    return float(np.mean(np.sum(members.vectors_MD**2, axis=1))) or 1.0


def _hyperparameters(logs_H: Floats, columns: Columns, norm: float) -> Hyperparameters:
    sizes_H = np.exp(logs_H)
    lengths_P, (cost_length, rough, line, cost_line, noise) = sizes_H[:-5], sizes_H[-5:]
    kernel = Kernel(
        columns, lengths_P, float(cost_length), float(rough), float(line), float(cost_line), norm
    )
    return Hyperparameters(kernel, float(noise))


class LogPosterior:
    """Minus the log of the posterior density of hyperparameters, up to a constant."""

    def __init__(
        self,
        members: Inputs,
        values_M: Floats,
        variances_M: Floats,
        columns: Columns,
        prior: Prior,
        norm: float,
    ) -> None:
        self.values_M = values_M
        self.variances_M = variances_M
        self.prior = prior
        self.distances_HX = distances(members, columns).reshape(len(prior.means_H) - 4, -1)
        self.lines_MM = members.vectors_MD @ members.vectors_MD.T / norm
        self.cost_lines_MM = np.outer(members.costs_M, members.costs_M)

    def loss(self, logs_H: Floats) -> tuple[float, Floats]:
        """The loss and its gradient."""
        # an exponential of distance over length, and of half a squared one over a squared length
        powers_H = np.append(np.ones(len(logs_H) - 5), 2.0)
        inverse_H = np.exp(-powers_H * logs_H[:-4])
        rough, line, cost_line, noise = np.exp(2 * logs_H[-4:])
        correlation_MM = np.exp(-(inverse_H @ self.distances_HX)).reshape(self.lines_MM.shape)
        covariance_MM = (
            rough * correlation_MM + line * self.lines_MM + cost_line * self.cost_lines_MM
        )
        covariance_MM[np.diag_indices_from(covariance_MM)] += noise + self.variances_M + JITTER
        factor_MM = cholesky(covariance_MM, lower=True, check_finite=False)
        precision_MM = cho_solve((factor_MM, True), np.eye(len(self.values_M)), check_finite=False)
        weights_M = precision_MM @ self.values_M
        away_H = (logs_H - self.prior.means_H) / self.prior.sds_H
        loss = (
            0.5 * self.values_M @ weights_M
            + np.sum(np.log(np.diag(factor_MM)))
            + 0.5 * away_H @ away_H
        )
        # d loss / d covariance, then the chain rule; factors 2 come from the logs of SDs
        slope_MM = 0.5 * (precision_MM - np.outer(weights_M, weights_M))
        shared_MM = rough * slope_MM * correlation_MM
        gradient_H = np.empty_like(logs_H)
        gradient_H[:-4] = (self.distances_HX @ shared_MM.ravel()) * powers_H * inverse_H
        gradient_H[-4] = 2 * np.sum(shared_MM)
        gradient_H[-3] = 2 * line * np.sum(slope_MM * self.lines_MM)
        gradient_H[-2] = 2 * cost_line * np.sum(slope_MM * self.cost_lines_MM)
        gradient_H[-1] = 2 * noise * np.trace(slope_MM)
        return float(loss), gradient_H + away_H / self.prior.sds_H


class GaussianProcess:
    """The posterior given values (scaled) of some members."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        members: Inputs,
        values_M: Floats,
        variances_M: Floats,
    ) -> None:
        self.kernel = hyperparameters.kernel
        self.noise = hyperparameters.noise_sd**2
        self.members = members
        self.factor_MM = self._factor(variances_M)
        self.half_M = solve_triangular(self.factor_MM, values_M, lower=True, check_finite=False)

    def _factor(self, variances_M: Floats) -> Floats:
        covariance_MM = self.kernel.covariance(self.members, self.members)
        covariance_MM[np.diag_indices_from(covariance_MM)] += self.noise + variances_M + JITTER
        factor_MM: Floats = cholesky(covariance_MM, lower=True, check_finite=False)
        return factor_MM

    def predict(self, members: Inputs) -> tuple[Floats, Floats]:
        """Mean and SD of the true value of each member, noise of a measurement not included."""
        across_MN = self.kernel.covariance(self.members, members)
        solved_MN = solve_triangular(self.factor_MM, across_MN, lower=True, check_finite=False)
        left_N = self.kernel.variance(members) - np.einsum("ij,ij->j", solved_MN, solved_MN)
        return solved_MN.T @ self.half_M, np.sqrt(np.maximum(left_N, 1e-12))

    def condition_on(self, more: Inputs) -> "GaussianProcess":
        """The posterior after values of more members that come out as predicted.

        Only uncertainty falls. The factor grows by rows: nothing is factored twice.
        """
        if not len(more):
            return self
        across_MN = self.kernel.covariance(self.members, more)
        solved_MN = solve_triangular(self.factor_MM, across_MN, lower=True, check_finite=False)
        rest_NN = self.kernel.covariance(more, more) - solved_MN.T @ solved_MN
        rest_NN[np.diag_indices_from(rest_NN)] += self.noise + JITTER
        corner_NN = cholesky(rest_NN, lower=True, check_finite=False)
        grown = object.__new__(GaussianProcess)
        grown.kernel, grown.noise = self.kernel, self.noise
        grown.members = Inputs(
            np.vstack([self.members.vectors_MD, more.vectors_MD]),
            np.concatenate([self.members.costs_M, more.costs_M]),
        )
        grown.factor_MM = np.block(
            [
                [self.factor_MM, np.zeros((len(self.factor_MM), len(corner_NN)))],
                [solved_MN.T, corner_NN],
            ]
        )
        # A value at its prediction leaves nothing to explain.
        grown.half_M = np.concatenate([self.half_M, np.zeros(len(corner_NN))])
        return grown

"""All variants by name."""

from __future__ import annotations

from variants import acquisitions, averaging, kernels, outcomes, region
from variants.acquisitions import acquisition
from variants.base import DEFAULT, Patches, Variant


def _no_deflation() -> Patches:
    from tfbo.strategies.bayes import boundary

    return {(boundary, "_LESS"): 0.0}


OPENINGS = {
    "no centre": Variant("the opening is Sobol points alone", acquisitions.opening_without_centre),
    "n_initial=3": Variant("the model takes over earlier", lambda: {"n_initial": 3}),
    "n_initial=10": Variant("the model takes over later", lambda: {"n_initial": 10}),
}
OUTCOMES = {
    "no tempering": Variant(
        "outcomes are standardised only",
        patches=lambda: outcomes.tempering(outcomes.as_they_are),
    ),
    "half rank": Variant(
        "all below the median become quantiles (Vizier)",
        patches=lambda: outcomes.tempering(outcomes.half_rank),
    ),
    "tail to the logarithm": Variant(
        "log(1 + t) below the median, which has no end",
        patches=lambda: outcomes.tempering(outcomes.log_tail),
    ),
    "Yeo-Johnson": Variant(
        "a power transform in place of tempering (HEBO)",
        patches=lambda: outcomes.tempering(outcomes.yeo_johnson),
    ),
    "Yeo-Johnson as well": Variant(
        "the power transform after tempering",
        patches=lambda: outcomes.tempering(outcomes.power_of_tempered()),
    ),
    "failures ignored": Variant(
        "nothing is learned of where trials fail",
        lambda: outcomes.failed(avoided=False, modelled=False),
    ),
}
KERNELS = {
    "noise prior of BoTorch": Variant(
        "LogNormal(-4, 1) of the variance", patches=lambda: kernels.prior(noise=(-5.0, 1.0))
    ),
    "noise prior near zero": Variant(
        "ten nats against a noise of a third", patches=lambda: kernels.prior(noise=(-15.0, 3.0))
    ),
    "wide amplitude": Variant(
        "twice the spread of its prior", patches=lambda: kernels.prior(amplitude=(-1.0, 1.0))
    ),
    "narrow lengthscales": Variant(
        "prior of spread 1, of the same median",
        patches=lambda: kernels.prior(lengthscale=(-1.586, 1.0)),
    ),
    "lengthscales of any d": Variant(
        "those of six columns, whatever their number",
        patches=kernels.lengthscales_of_any_dimension,
    ),
    "Matern-3/2": Variant("rougher functions", lambda: {"kernel": "matern32"}),
    "RBF": Variant("smoother functions", lambda: {"kernel": "rbf"}),
    "additive half": Variant(
        "half of the variance is a sum over columns", patches=kernels.additive
    ),
    "warped inputs": Variant(
        "Kumaraswamy's warp of each number, learned (HEBO)", patches=kernels.warped
    ),
    "categories as numbers": Variant(
        "in the order given, not one-hot", patches=kernels.categories_as_numbers
    ),
    "inactive in the middle": Variant(
        "imputed, not on an arc", patches=kernels.inactive_in_the_middle
    ),
    "averaged": Variant(
        "over eight draws of the hyperparameters (slice sampling)", averaging.averaged
    ),
}
FITS = {
    "Adam": Variant(
        "hyperparameters by gradient descent, not quasi-Newton", lambda: {"optimizer": "adam"}
    ),
}
ACQUISITIONS = {
    "faces as the model has them": Variant(
        "uncertainty counts there in full", patches=_no_deflation
    ),
    "UCB": Variant("mean plus two standard deviations", lambda: acquisition("UCB", 2.0)),
    "LogPI": Variant("the probability of an improvement", lambda: acquisition("LogPI")),
    "in turns": Variant("LogEI twice, UCB, posterior mean", before=acquisitions.take_turns),
    "every eighth drawn": Variant("of the Sobol sequence", before=acquisitions.draw_now_and_then),
    "luckiest incumbent": Variant(
        "improvements over the best outcome", acquisitions.luckiest_incumbent
    ),
    "noisy improvement": Variant(
        "over draws of all values (LogNEI)", acquisitions.noisy_improvement
    ),
    "trust region": Variant(
        "TuRBO's rule around the best trial", patches=region.bounded, before=region.move
    ),
    "exploitation at the end": Variant(
        "the last two trials at the largest mean", before=acquisitions.exploit_at_the_end
    ),
}
VARIANTS: dict[str, Variant] = {
    DEFAULT: Variant("the default strategy"),
    **OPENINGS,
    **OUTCOMES,
    **KERNELS,
    **FITS,
    **ACQUISITIONS,
}

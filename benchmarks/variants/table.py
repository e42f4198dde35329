"""All variants by name."""

from __future__ import annotations

from tfbo.acquisition import UCB, LogPI
from tfbo.gp.outcomes import unchanged
from tfbo.strategies import Bayes, Failed, Sobol
from variants import acquisitions, kernels, outcomes
from variants.averaging import Averaged
from variants.base import DEFAULT, Switching, Variant
from variants.region import around_the_best

INITIAL = {
    "no centre": Variant("the initial design is Sobol points alone", Bayes(initial=Sobol())),
    "n_initial=3": Variant("the model takes over earlier", Bayes(n_initial=3)),
    "n_initial=10": Variant("the model takes over later", Bayes(n_initial=10)),
}
OUTCOMES = {
    "no tempering": Variant("outcomes are standardised only", Bayes(outcome_transform=unchanged)),
    "half rank": Variant(
        "all below the median become quantiles (Vizier)",
        Bayes(outcome_transform=outcomes.half_rank),
    ),
    "tail to the logarithm": Variant(
        "log(1 + t) below the median, which has no end",
        Bayes(outcome_transform=outcomes.log_tail),
    ),
    "Yeo-Johnson": Variant(
        "a power transform in place of tempering (HEBO)",
        Bayes(outcome_transform=outcomes.yeo_johnson),
    ),
    "Yeo-Johnson as well": Variant(
        "the power transform after tempering", Bayes(outcome_transform=outcomes.power_of_tempered)
    ),
    "failures ignored": Variant(
        "nothing is learned of where trials fail",
        Bayes(failed=Failed(avoided=False, modelled=False)),
    ),
}
KERNELS = {
    "noise prior of BoTorch": Variant(
        "LogNormal(-4, 1) of the variance", Bayes(priors=kernels.priors(noise=(-5.0, 1.0)))
    ),
    "noise prior near zero": Variant(
        "ten nats against a noise of a third", Bayes(priors=kernels.priors(noise=(-15.0, 3.0)))
    ),
    "wide amplitude": Variant(
        "twice the spread of its prior", Bayes(priors=kernels.priors(amplitude=(-1.0, 1.0)))
    ),
    "narrow lengthscales": Variant(
        "prior of spread 1, of the same median",
        Bayes(priors=kernels.priors(lengthscale=(-1.586, 1.0))),
    ),
    "lengthscales of any d": Variant(
        "those of six columns, whatever their number",
        Bayes(priors=kernels.lengthscales_of_any_dimension),
    ),
    "Matern-3/2": Variant("rougher functions", Bayes(kernel="matern32")),
    "RBF": Variant("smoother functions", Bayes(kernel="rbf")),
    "additive half": Variant(
        "half of the variance is a sum over columns",
        Bayes(kernel=kernels.of_class(kernels.Additive)),
    ),
    "warped inputs": Variant(
        "Kumaraswamy's warp of each number, learned (HEBO)",
        Bayes(kernel=kernels.of_class(kernels.Warped), priors=kernels.priors(shape=(0.0, 0.5))),
    ),
    "categories as numbers": Variant(
        "in the order given, not one-hot", Bayes(kernel=kernels.categories_as_numbers)
    ),
    "inactive in the middle": Variant(
        "imputed, not on an arc", Bayes(kernel=kernels.inactive_in_the_middle)
    ),
    "averaged": Variant(
        "over eight draws of the hyperparameters (slice sampling)", Bayes(Averaged())
    ),
}
FITS = {
    "Adam": Variant(
        "hyperparameters by gradient descent, not quasi-Newton", Bayes(optimizer="adam")
    ),
}
ACQUISITIONS = {
    "faces as the model has them": Variant("uncertainty counts there in full", Bayes(boundary=0.0)),
    "UCB": Variant("mean plus two standard deviations", Bayes(UCB(2.0))),
    "LogPI": Variant("the probability of an improvement", Bayes(LogPI())),
    "in turns": Variant("LogEI twice, UCB, posterior mean", Switching(acquisitions.take_turns)),
    "every eighth drawn": Variant(
        "of the Sobol sequence", Switching(acquisitions.draw_now_and_then)
    ),
    "luckiest incumbent": Variant(
        "improvements over the best outcome", Bayes(acquisitions.Luckiest())
    ),
    "noisy improvement": Variant("over draws of all values (LogNEI)", Bayes(acquisitions.Noisy())),
    "trust region": Variant("TuRBO's rule around the best trial", Bayes(region=around_the_best)),
    "exploitation at the end": Variant(
        "the last two trials at the largest mean", Switching(acquisitions.exploit_at_the_end)
    ),
}
VARIANTS: dict[str, Variant] = {
    DEFAULT: Variant("the default strategy"),
    **INITIAL,
    **OUTCOMES,
    **KERNELS,
    **FITS,
    **ACQUISITIONS,
}

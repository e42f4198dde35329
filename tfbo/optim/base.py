"""The interface of every minimiser, and what they have in common: the loop, the box, when to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

import tensorflow as tf

Objective = Callable[[tf.Tensor], tf.Tensor]
"""Function from points `[r, p]` to values `[r]`, member by member; NaN marks one that is not acceptable."""

# A member is given up where so many steps like its last would not take it to the value to beat.
_STEPS_TO_LEAD = 20.0


class Curvature(NamedTuple):
    """Second derivatives of an objective near each member of a batch, as far as they are known."""

    inverse: tf.Tensor
    """Inverse Hessian `[r, p, p]`, positive definite."""
    known: tf.Tensor
    """bool `[r]`: True where `inverse` has been learned from gradients in all directions."""


class Limits(NamedTuple):
    """The box of a batch of minimisations, how far a step goes, and when they end."""

    lower: tf.Tensor
    """Lower bounds, broadcast to `[r, p]`; a variable of equal bounds is a constant."""
    upper: tf.Tensor
    """Upper bounds, broadcast to `[r, p]`."""
    max_evaluations: int = 100
    """Evaluations of the batch at the most."""
    gradient_tolerance: float = 1e-6
    """A member ends where the largest entry of its projected gradient is no larger."""
    value_tolerance: float = 1e-12
    """A member ends where its next step is expected to gain no more."""
    first_step: float = 0.5
    """Largest change of any variable in the first step of a member whose curvature is not known."""
    longest_step: float = float("inf")
    """Largest change of any variable in any step."""
    rival: tf.Tensor | None = None
    """A value to beat, `[]`: members that will hardly get below it are given up."""
    race: bool = False
    """Only the best member matters: those that will hardly get below it are given up."""
    compact: bool = False
    """Members that are done are left out of later evaluations; for that XLA lacks the dynamic shapes."""


class Minimum(NamedTuple):
    """The ends of a batch of minimisations."""

    x: tf.Tensor
    """`[r, p]`, within the box."""
    value: tf.Tensor
    """`[r]`; infinite where the start itself was not acceptable."""
    converged: tf.Tensor
    """bool `[r]`: a tolerance was reached before the evaluations ran out."""
    evaluations: tf.Tensor
    """int: evaluations of the batch."""
    curvature: Curvature
    """As learned on the way."""
    start_value: tf.Tensor
    """`[r]`: the value at the start."""


Minimiser = Callable[[Objective, tf.Tensor, Limits, Curvature | None], Minimum]
"""Function from an objective and starts `[r, p]`, which are clipped into the box, to their minima.

Every iteration of one `tf.while_loop` is one evaluation of the batch, so the objective, whose gradient is
taken by automatic differentiation, is traced once. Members do not influence each other, unless they race.
One whose start is not acceptable is dropped. The curvature comes from an earlier minimisation; None for
nothing.
"""


class Members(Protocol):
    """The state of a batch that every minimiser has; its numbers are columns, to go with its points."""

    @property
    def trial(self) -> tf.Tensor:
        """The points evaluated next, `[r, p]`."""

    @property
    def x(self) -> tf.Tensor:
        """The best so far, `[r, p]`."""

    @property
    def value(self) -> tf.Tensor:
        """Their values, `[r, 1]`."""

    @property
    def start_value(self) -> tf.Tensor:
        """Those of the starts, `[r, 1]`."""

    @property
    def done(self) -> tf.Tensor:
        """Members that move no longer, bool `[r, 1]`."""

    @property
    def converged(self) -> tf.Tensor:
        """Those that reached a tolerance, bool `[r, 1]`."""

    @property
    def evaluations(self) -> tf.Tensor:
        """Evaluations of the batch, int."""


State = TypeVar("State", bound=Members)


def iterate(
    objective: Objective,
    initial: State,
    advance: Callable[[State, tf.Tensor, tf.Tensor], State],
    limits: Limits,
) -> State:
    """Evaluate the trial points and advance, until all members are done or evaluations run out.

    The trial points of the initial state are the starts. `advance` makes the state after values `[r,
    1]` and gradients `[r, p]` there; those of members that are done mean nothing.
    """

    def body(state: State) -> tuple[State]:
        return (advance(state, *_evaluate(objective, state, limits.compact)),)

    (final,) = tf.while_loop(
        lambda state: ~tf.reduce_all(state.done),
        body,
        (initial,),
        maximum_iterations=limits.max_evaluations,
    )
    return final


def minimum(final: Members, curvature: Curvature) -> Minimum:
    """The result of a batch in its final state."""
    return Minimum(
        final.x,
        tf.squeeze(final.value, 1),
        tf.squeeze(final.converged, 1),
        final.evaluations,
        curvature,
        tf.squeeze(final.start_value, 1),
    )


def held(limits: Limits, x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Variables at a bound that a descent would leave, bool `[r, p]`."""
    return ((x <= limits.lower) & (gradient >= 0.0)) | ((x >= limits.upper) & (gradient <= 0.0))


def shortened(limits: Limits, step: tf.Tensor) -> tf.Tensor:
    """Steps `[r, p]` of which none changes a variable by more than the longest."""
    if limits.longest_step == float("inf"):
        return step
    length = tf.reduce_max(tf.abs(step), axis=-1, keepdims=True)
    return step * tf.minimum(tf.ones_like(length), limits.longest_step / length)


def hopeless(limits: Limits, value: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
    """Members `[r, 1]` that, by the gain of the last step, will hardly get below the rival or the best."""
    given_up = tf.zeros_like(value, tf.bool)
    hopes = value - _STEPS_TO_LEAD * gain
    if limits.rival is not None:
        given_up |= hopes > limits.rival
    if limits.race:
        given_up |= hopes > tf.reduce_min(value)
    return given_up


def unknown_curvature(start: tf.Tensor) -> Curvature:
    """The curvature of members at `start` `[r, p]` of which no gradient has been seen."""
    r, p = tf.shape(start)[0], tf.shape(start)[1]
    return Curvature(tf.eye(p, batch_shape=[r], dtype=start.dtype), tf.zeros([r], tf.bool))


def value_and_gradient(objective: Objective, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Values `[r]` and gradients `[r, p]`; infinity and zero where either is not finite."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        value = objective(x)
    gradient = tape.gradient(value, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    acceptable = tf.math.is_finite(value) & tf.reduce_all(tf.math.is_finite(gradient), axis=-1)
    value = tf.where(acceptable, value, tf.constant(float("inf"), value.dtype))
    return value, tf.where(tf.expand_dims(acceptable, 1), gradient, tf.zeros_like(gradient))


def _evaluate(objective: Objective, state: Members, compact: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Values `[r, 1]` and gradients `[r, p]` at the trial points, at least of members not done."""
    if not compact:
        value, gradient = value_and_gradient(objective, state.trial)
        return tf.expand_dims(value, 1), gradient
    active = tf.where(~tf.squeeze(state.done, 1))
    value, gradient = value_and_gradient(objective, tf.gather_nd(state.trial, active))
    return (
        tf.tensor_scatter_nd_update(state.value, active, tf.expand_dims(value, 1)),
        tf.tensor_scatter_nd_update(state.trial, active, gradient),
    )

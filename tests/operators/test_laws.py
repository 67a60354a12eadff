"""Laws that every linear operator obeys, over shapes, odd sizes, frames and batches."""

import copy
from importlib.util import find_spec

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.helpers.operator_examples import EXAMPLES, NEED_FINUFFT, examples, gaussian, operator_classes, pattern

from fourfold.errors import InputError
from fourfold.operators.axes import Axes
from fourfold.operators.finite_differences import FiniteDifferences
from fourfold.operators.linear_operator import Identity, LinearOperator, Stack, inner
from fourfold.operators.noncartesian_encoding import NonCartesianEncoding
from fourfold.operators.sense_encoding import CoilMaps, Encoding
from fourfold.operators.wavelets import OrthogonalWavelet
from fourfold.sampling import radial

KINDS = sorted(EXAMPLES, key=lambda kind: kind.__name__)
NAMES = [kind.__name__ for kind in KINDS]

for_every_class = pytest.mark.parametrize("kind", KINDS, ids=NAMES)


def close(a, b, tolerance=1e-5):
    assert float(torch.linalg.vector_norm(a - b)) <= tolerance * float(torch.linalg.vector_norm(b)) + 1e-30


def law(examples_of_each):
    """A test of drawn operators of every class, each with a point of its domain and one of its codomain."""

    def decorate(check):
        @for_every_class
        @settings(max_examples=examples_of_each, deadline=None)
        @given(data=st.data())
        def test(kind, data):
            if kind in NEED_FINUFFT and find_spec("finufft") is None:
                pytest.skip("finufft is not installed")
            operator, x = data.draw(examples(kind))
            check(operator, x, gaussian(*operator.forward(x).shape, seed=4))

        test.__doc__ = check.__doc__
        return test

    return decorate


def calls(operator, x, y):
    return ((operator.forward, x), (operator.adjoint, y), (operator.normal, x))


def test_every_class_of_operators_has_an_example():
    assert operator_classes() == set(EXAMPLES)


@law(20)
def test_adjoint(operator, x, y):
    ax = operator.forward(x)
    difference = abs(complex(inner(ax, y)) - complex(inner(x, operator.adjoint(y))))
    assert difference < 1e-5 * float(torch.linalg.vector_norm(ax) * torch.linalg.vector_norm(y))


@law(10)
def test_normal_is_adjoint_of_forward(operator, x, y):  # noqa: ARG001  # as every law
    back = operator.adjoint(operator.forward(x))
    assert float((operator.normal(x) - back).norm()) <= 1e-5 * max(float(back.norm()), float(x.norm()))


@law(10)
def test_linear(operator, x, y):
    x2, y2 = gaussian(*x.shape, seed=5), gaussian(*y.shape, seed=6)
    for call, one, other in ((operator.forward, x, x2), (operator.adjoint, y, y2)):
        close(call(one + (2 - 1j) * other), call(one) + (2 - 1j) * call(other))


@law(10)
def test_no_call_needs_another_before_it_or_changes_its_argument(operator, x, y):
    for name, argument in (("forward", x), ("adjoint", y), ("normal", x)):
        kept, first = argument.clone(), getattr(copy.deepcopy(operator), name)(argument)
        assert torch.equal(first, getattr(operator, name)(argument))
        assert torch.equal(argument, kept)


@law(10)
def test_what_is_returned_belongs_to_the_caller(operator, x, y):
    """Writing into a result changes neither the argument nor what the operator returns later."""
    for call, argument in calls(operator, x, y):
        kept, first = argument.clone(), call(argument).clone()
        call(argument).fill_(float("nan"))
        assert torch.equal(argument, kept)
        assert torch.equal(call(argument), first)


@law(10)
def test_views_are_taken_for_what_they_show(operator, x, y):
    """Conjugate and transposed views of memory give what their copies give."""
    for call, argument in calls(operator, x, y):
        result = call(argument)
        close(call(argument.conj().resolve_conj().conj()), result)
        close(call(argument.mT.contiguous().mT), result)


@law(10)
def test_gradients_are_those_of_the_true_adjoint(operator, x, y):
    """Of forward, adjoint and normal, and of calls of the adjoint operator."""
    back = [(operator.forward, operator.adjoint, x), (operator.adjoint, operator.forward, y)]
    back += [(operator.normal, operator.normal, x), (operator, operator.H, x), (operator.H, operator, y)]
    for call, transposed, argument in back:
        argument = argument.clone().requires_grad_()
        result = call(argument)
        weights = gaussian(*result.shape, seed=6)
        (gradient,) = torch.autograd.grad((result * weights.conj()).real.sum(), argument)
        expected = transposed(weights)
        assert float((gradient - expected).norm()) <= 1e-5 * max(float(expected.norm()), float(weights.norm()))


@law(5)
def test_nothing_is_recorded_where_no_gradient_is_asked_for(operator, x, y):
    for call, argument in calls(operator, x, y):
        assert not call(argument).requires_grad
        with torch.no_grad():
            assert not call(argument.clone().requires_grad_()).requires_grad


@law(5)
def test_other_shapes_are_refused(operator, x, y):
    """One axis more, one less, or one row more: whatever the axes do not allow."""
    for call, axes, argument in (
        (operator.forward, operator.domain, x),
        (operator.adjoint, operator.codomain, y),
        (operator.normal, operator.domain, x),
    ):
        assert axes.fit(argument)
        for other in (argument[None], argument[0], argument[..., 0], torch.cat([argument, argument[..., :1, :]], -2)):
            if not axes.fit(other):
                with pytest.raises(InputError, match=r"was given a tensor of shape .* but takes \(.*\); bring"):
                    call(other)


def tensors_of(value):
    """All tensors that an operator holds, in operators and lists too."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for each in value for tensor in tensors_of(each)]
    return tensors_of(list(vars(value).values())) if hasattr(value, "to") else []


@law(5)
def test_it_moves_to_a_device_with_all_that_it_holds(operator, x, y):
    """The device "meta" holds no values: what stayed behind would be seen."""
    assert all(tensor.device.type == "meta" for tensor in tensors_of(operator.to("meta")))
    operator.normal(x)
    moved = operator.to("cpu")
    assert type(moved) is type(operator)
    for (call, argument), (same, _) in zip(calls(operator, x, y), calls(moved, x, y), strict=True):
        assert torch.equal(call(argument), same(argument))


WAYS = ["forward", "adjoint", "normal", "composed", "added", "stacked"]


def applied(way, encoding, x, y):
    return {
        "forward": lambda: encoding.forward(x),
        "adjoint": lambda: encoding.adjoint(y),
        "normal": lambda: encoding.normal(x),
        "composed": lambda: (FiniteDifferences() @ encoding.H @ (2j * encoding)).forward(x),
        "added": lambda: (encoding + encoding).adjoint(y),
        "stacked": lambda: Stack([encoding, 2 * encoding], [1, 1]).normal(x),
    }[way]()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["Cartesian", "radial", "maps alone"])
def test_gradients_reach_image_samples_and_coil_maps(kind, way):
    """Against how much the result changes along a random direction."""
    trajectory, mask = None, pattern("ky", 1, 12, 12)
    if kind == "radial":
        pytest.importorskip("finufft", reason="finufft is not installed")
        trajectory = radial((12, 12), 9)
        mask = torch.ones(1, trajectory.shots, trajectory.samples, dtype=torch.bool)
    maps = gaussian(1, 1, 3, 12, 12, seed=1)
    maps /= maps.abs().square().sum(dim=2, keepdim=True).sqrt()
    x, y = gaussian(1, 1, 12, 12, seed=2), gaussian(1, 3, *mask.shape[1:], seed=3)

    def operator(maps):
        if kind == "maps alone":
            return CoilMaps(maps)
        return Encoding(mask, maps) if trajectory is None else NonCartesianEncoding(trajectory, mask, maps)

    weights = gaussian(*applied(way, operator(maps), x, y).shape, seed=4)

    def value(x, y, maps):
        return (applied(way, operator(maps), x, y) * weights).real.sum()

    steps = [0.01 * gaussian(*tensor.shape, seed=5 + index) for index, tensor in enumerate((x, y, maps))]
    differentiable = (1, 2) if way in ("adjoint", "added") else (0, 2)
    tensors = [tensor.clone().requires_grad_(index in differentiable) for index, tensor in enumerate((x, y, maps))]
    gradients = torch.autograd.grad(value(*tensors), [tensors[index] for index in differentiable])
    for index, gradient in zip(differentiable, gradients, strict=True):
        forwards, backwards = [x, y, maps], [x, y, maps]
        forwards[index] = forwards[index] + steps[index]
        backwards[index] = backwards[index] - steps[index]
        change = float(value(*forwards) - value(*backwards)) / 2
        assert change == pytest.approx(float((gradient.conj() * steps[index]).real.sum()), rel=2e-2, abs=2e-3)


class Twice(LinearOperator):
    """The simplest subclass: it does not say its axes, and torch cannot differentiate what it does."""

    def _forward(self, x):
        return torch.mul(x, 2, out=torch.empty_like(x))

    def _adjoint(self, y):
        return self._forward(y)


def test_derivatives_of_derivatives_pass_through():
    x = gaussian(1, 1, 4, 5).to(torch.complex128).requires_grad_()
    for operator in (Twice(), OrthogonalWavelet((4, 5), "haar"), FiniteDifferences()):
        for call in (operator, operator.normal):
            assert torch.autograd.gradgradcheck(lambda v, call=call: call(v).abs().square().sum(), x)


@pytest.mark.parametrize(
    ("axes", "shape", "fits"),
    [
        (Axes(frame=None, y=4), (3, 4), True),
        (Axes(frame=None, y=4), (3, 5), False),
        (Axes(frame=None, y=4), (1, 3, 4), False),
        (Axes(direction=2, batch=..., y=None, x=4), (2, 7, 4), True),
        (Axes(direction=2, batch=..., y=None, x=4), (2, 5, 6, 7, 4), True),
        (Axes(direction=2, batch=..., y=None, x=4), (2, 4), False),
        (Axes(direction=2, batch=..., y=None, x=4), (3, 7, 4), False),
        (Axes(batch=...), (), True),
    ],
)
def test_axes(axes, shape, fits):
    assert axes.fit(torch.empty(shape)) is fits


def test_the_refusal_names_the_call_the_shape_and_the_axes():
    operator = Encoding(pattern("ky", 1, 12, 10), gaussian(1, 1, 3, 12, 10))
    with pytest.raises(InputError) as refusal:
        operator.adjoint(gaussian(1, 4, 12, 10))
    assert str(refusal.value) == (
        "Encoding.adjoint was given a tensor of shape (1, 4, 12, 10) but takes (frame, coil = 3, ky = 12, kx = 10); "
        "bring the tensor into this shape or make the operator for its size."
    )
    with pytest.raises(InputError, match=r"return tensors of shapes \(2, 4, 4\) and \(4, 4\), which must be the same"):
        (FiniteDifferences() + Identity()).forward(gaussian(4, 4))

"""All solvers reach the same minimum; what does not fit is refused."""

import itertools

import pytest
import torch

from fourfold.denoisers.block_matching import BlockMatching
from fourfold.denoisers.dictionary import DictionaryDenoiser
from fourfold.errors import InputError
from fourfold.operators.linear_operator import Identity, inner
from fourfold.operators.sense_encoding import Encoding
from fourfold.operators.wavelets import OrthogonalWavelet, UndecimatedWavelet
from fourfold.optimize.conjugate_gradient import conjugate_gradient
from fourfold.optimize.gauss_newton import gauss_newton
from fourfold.optimize.iterate import Iterate, relative_change, run
from fourfold.optimize.least_squares import least_squares
from fourfold.optimize.minimise import minimise
from fourfold.optimize.nonlinear_cg import Smoothed, nonlinear_cg_iterates
from fourfold.optimize.plug_and_play import plug_and_play
from fourfold.regularisers.low_rank import LowRankPlusSparsePenalty
from fourfold.regularisers.sum import SumPenalty
from fourfold.regularisers.temporal import SeriesTotalVariationPenalty
from fourfold.regularisers.total_generalised_variation import TotalGeneralisedVariationPenalty
from fourfold.regularisers.total_variation import TotalVariationPenalty
from fourfold.regularisers.wavelet import CycleSpunPenalty, WaveletPenalty
from fourfold.sampling import undersample
from fourfold.simulation.simulate import loop_maps, phantom, simulate

SHAPE = (33, 38)
WEIGHT = 0.005
SOLVERS = ["fista", "admm", "primal-dual", "nlcg"]
# Of nonlinear conjugate gradient, which sees the regulariser rounded: it settles within 300 to 700.
MOST_ITERATIONS = {"fista": 400, "admm": 400, "primal-dual": 400, "nlcg": 1000}
PENALTIES = {
    "tv": TotalVariationPenalty,
    "anisotropic": lambda: TotalVariationPenalty(isotropic=False),
    "tgv": TotalGeneralisedVariationPenalty,
    "wavelet": lambda: WaveletPenalty(OrthogonalWavelet(SHAPE, "db2", 2)),
    "joint": lambda: SumPenalty(0.4, TotalVariationPenalty(), 0.6, WaveletPenalty(OrthogonalWavelet(SHAPE, "db2", 2))),
    "cycle-spun": lambda: CycleSpunPenalty(UndecimatedWavelet(SHAPE, "db2", 2)),
}


class Ridge:
    """R(x) = ½‖x‖² by its gradient alone."""

    def value(self, x):
        return float(x.abs().square().sum() / 2)

    def gradient(self, x):
        return x


class ProximalRidge:
    """The same by its proximal map alone."""

    value = Ridge.value

    def prox(self, x, weight):
        return x / (1 + weight)


def data_term(frames=1, dtype=torch.complex64):
    """Two thirds of a phantom's lines are left out, its frames differ in the pattern's seed."""
    full = simulate(phantom(SHAPE), coils=4, snr=40)
    scans = [undersample(full, "random", 3, centre=0.2, seed=seed) for seed in range(frames)]
    encoding = Encoding(torch.cat([scan.mask for scan in scans]), loop_maps(SHAPE, 4).to(dtype))
    kspace = torch.cat([scan.kspace for scan in scans]).to(dtype)
    kspace /= 0.5 * kspace.abs().max() / (SHAPE[0] * SHAPE[1]) ** 0.25
    return least_squares(encoding.normal, encoding.adjoint(kspace), float(kspace.abs().square().sum()))


@pytest.fixture(scope="module")
def data():
    return data_term()


@pytest.mark.parametrize("name", PENALTIES)
def test_solvers_agree(name, data):
    minima = {
        solver: minimise(data, PENALTIES[name](), WEIGHT, solver=solver, iterations=most, tolerance=1e-6)
        for solver, most in MOST_ITERATIONS.items()
    }
    reference = minima["fista"].details["objective"]
    for solver, minimum in minima.items():
        assert minimum.details["solver"] == solver
        assert minimum.details["objective"] == pytest.approx(reference, rel=1e-3), solver
        distance = torch.linalg.vector_norm(minimum.x - minima["fista"].x)
        assert float(distance / torch.linalg.vector_norm(minimum.x)) < 0.1, solver


def single_coil():
    """A noisy phantom, two thirds of its lines left out; Aᴴy fits the data."""
    full = simulate(phantom((48, 48)), coils=1, snr=8)
    scan = undersample(full, "random", 3, centre=0.17)
    encoding = Encoding(scan.mask, torch.ones(1, 1, 1, 48, 48, dtype=torch.complex64))
    kspace = scan.kspace / full.kspace.abs().max() * 12
    return least_squares(encoding.normal, encoding.adjoint(kspace), float(kspace.abs().square().sum()))


@pytest.mark.parametrize("weight", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("name", ["tv", "anisotropic", "tgv"])
def test_large_weights_on_noisy_data(name, weight):
    """Too few dual iterations let FISTA run away, and ADMM must leave a first guess that fits the data."""
    data = single_coil()
    settings = {"iterations": 200, "tolerance": 1e-5}
    reference = minimise(data, PENALTIES[name](), weight, solver="primal-dual", iterations=1000, tolerance=1e-6)
    for solver in ("fista", "admm"):
        minimum = minimise(data, PENALTIES[name](), weight, solver=solver, **settings)
        assert minimum.details["objective"] < 1.02 * reference.details["objective"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_frames_of_a_batch_are_independent(solver):
    """A batch of frames comes out as its frames do alone, but for a common step or stop."""
    batch = data_term(frames=2)
    settings = {"solver": solver, "iterations": 300, "tolerance": 1e-6}
    together = minimise(batch, TotalVariationPenalty(), WEIGHT, **settings).x
    single = minimise(data_term(), TotalVariationPenalty(), WEIGHT, **settings).x
    assert float(torch.linalg.vector_norm(together[:1] - single) / torch.linalg.vector_norm(single)) < 0.02


@pytest.mark.parametrize("name", PENALTIES)
def test_analysis_form_is_the_regulariser(name, data):
    """g(K z) is R's value, K's adjoint is true, and its norm is bounded as told."""
    penalty = PENALTIES[name]()
    analysis = penalty.analysis()
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(1 + analysis.auxiliary, *data.rhs.shape, dtype=torch.complex64, generator=generator)
    mapped = analysis.operator.forward(state)
    other = torch.randn(mapped.shape, dtype=torch.complex64, generator=generator)
    assert abs(complex(inner(mapped, other) - inner(state, analysis.operator.adjoint(other)))) < 1e-2
    assert analysis.operator.norm(state, iterations=100) ** 2 < analysis.squared_norm * (1 + 1e-5)
    if analysis.auxiliary:
        assert analysis.length(mapped) >= penalty.value(state[0])
    else:
        assert analysis.length(mapped) == pytest.approx(penalty.value(state[0]), rel=1e-4)


def test_nonlinear_conjugate_gradient_never_climbs():
    data = data_term(dtype=torch.complex128)
    term = Smoothed(TotalVariationPenalty().analysis(), 1e-2)
    iterates = nonlinear_cg_iterates(data, term, WEIGHT, data.rhs[None])
    heights = []
    for _ in range(60):
        state = next(iterates).state
        heights.append(data.value(state[0]) + WEIGHT * term.along(state, state)(0.0))
    assert all(later <= earlier for earlier, later in itertools.pairwise(heights))


def test_one_short_step_does_not_end_nonlinear_conjugate_gradient():
    """A change counts as the largest of the last five: the line search can take one short step far from the minimum."""
    images = [2.0, 3.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    iterates = (Iterate(torch.full((1, 2), x), lambda: 0.0, lambda: torch.zeros(1, 2)) for x in images)
    _, done, measured = run(iterates, relative_change(torch.ones(2), lasting=5), iterations=9, tolerance=1e-3)
    assert (done, measured) == (9, 0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_gap_bounds_what_is_left_to_gain(solver, data):
    lowest = minimise(data, TotalVariationPenalty(), WEIGHT, iterations=1500, tolerance=1e-8).details["objective"]
    settings = {"solver": solver, "stopping": "gap", "iterations": 400}
    for tolerance in (0.5, 0.1):
        minimum = minimise(data, TotalVariationPenalty(), WEIGHT, tolerance=tolerance, **settings)
        assert minimum.iterations < 400
        assert minimum.details["duality_gap"] < tolerance
        assert minimum.details["objective"] / lowest - 1 < minimum.details["duality_gap"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_stops_when_the_objective_stands_still(solver, data):
    iterates = []
    settings = {"solver": solver, "stopping": "objective", "iterations": 400, "tolerance": 1e-4}
    minimum = minimise(
        data, WaveletPenalty(OrthogonalWavelet(SHAPE)), WEIGHT, callback=lambda *a: iterates.append(a), **settings
    )
    assert 5 <= minimum.iterations < 400
    assert iterates[-1][0] == minimum.iterations
    assert iterates[-1][2] < 1e-4


def test_a_gradient_alone_is_enough_for_nonlinear_conjugate_gradient(data):
    minimum = minimise(data, Ridge(), 0.1, tolerance=1e-6)
    assert minimum.details["solver"] == "nlcg"
    for solver in SOLVERS:
        same = minimise(data, ProximalRidge(), 0.1, solver=solver, iterations=400, tolerance=1e-7)
        assert same.details["objective"] == pytest.approx(minimum.details["objective"], rel=1e-3), solver


@pytest.mark.parametrize(
    ("regulariser", "settings", "message"),
    [
        (Ridge(), {"solver": "fista"}, "needs a proximal map"),
        (Ridge(), {"solver": "admm"}, "needs a proximal map"),
        (Ridge(), {"stopping": "gap"}, "duality gap is known"),
        (ProximalRidge(), {"stopping": "gap"}, "duality gap is known"),
        (TotalGeneralisedVariationPenalty(), {"stopping": "gap"}, "no duality gap for this"),
    ],
)
def test_what_does_not_fit_is_refused(regulariser, settings, message, data):
    with pytest.raises(InputError, match=message):
        minimise(data, regulariser, 0.1, **settings)


def test_zero_data_give_a_zero_image(data):
    zero = least_squares(data.normal, torch.zeros_like(data.rhs))
    for solver in SOLVERS:
        assert not minimise(zero, TotalVariationPenalty(), WEIGHT, solver=solver, iterations=5).x.any()


def test_a_run_reports_what_it_measured(data):
    term = Smoothed(TotalVariationPenalty().analysis(), 1e-2)
    iterates = nonlinear_cg_iterates(data, term, WEIGHT, data.rhs[None])
    _, done, measured = run(iterates, lambda _: 0.5, iterations=3, tolerance=0.4)
    assert (done, measured) == (3, 0.5)


def test_objective_agrees_with_sigpy():
    """SigPy's own total variation, anisotropic and continued over the border, where a phantom with air has nothing."""
    application = pytest.importorskip("sigpy.mri.app", reason="SigPy is not installed").TotalVariationRecon
    air = torch.nn.functional.pad(phantom((26, 28)), (5, 5, 4, 3))
    scan = undersample(simulate(air, coils=4, snr=60, phase=False), "random", 3, centre=0.3)
    scan = scan.replace(kspace=scan.kspace / float(scan.kspace.abs().max()) * SHAPE[0])
    maps, penalty = loop_maps(SHAPE, 4), TotalVariationPenalty(isotropic=False)
    encoding = Encoding(scan.mask, maps)
    data = least_squares(encoding.normal, encoding.adjoint(scan.kspace), float(scan.kspace.abs().square().sum()))
    ours = minimise(data, penalty, 0.05, iterations=600, tolerance=1e-7).details["objective"]
    settings = {"lamda": 0.05, "max_iter": 600, "sigma": 0.05, "show_pbar": False}
    theirs = torch.from_numpy(application(scan.kspace[0].numpy(), maps[0, 0].numpy(), **settings).run())[None, None]
    assert ours == pytest.approx(data.value(theirs) + 0.05 * penalty.value(theirs), rel=5e-3)
    assert ours <= (data.value(theirs) + 0.05 * penalty.value(theirs)) * (1 + 1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("normal", [lambda x: x, Identity().normal, OrthogonalWavelet((8, 8)).normal])
def test_what_an_operator_returns_is_not_changed_in_place(solver, normal):
    """The identity returns its argument; the minimum of ½‖x − 2‖² + 1e-6 R(x) is 2."""
    rhs = torch.full((1, 1, 8, 8), 2, dtype=torch.complex64)
    start = torch.ones_like(rhs)
    minimum = minimise(
        least_squares(normal, rhs), TotalVariationPenalty(), 1e-6, solver=solver, start=start, iterations=300
    )
    assert torch.allclose(minimum.x, rhs, atol=1e-2)
    assert bool((rhs == 2).all())
    assert bool((start == 1).all())


def test_no_solver_changes_what_it_is_given():
    rhs = torch.full((1, 1, 16, 16), 2, dtype=torch.complex64)
    data = least_squares(lambda x: x, rhs)
    start = torch.ones_like(rhs)
    solved, _ = conjugate_gradient(data.normal, rhs, start)
    assert torch.allclose(solved, rhs)
    denoised = plug_and_play(data, lambda x, _: x, 0.1, start=start)
    assert torch.allclose(denoised.x, rhs, atol=1e-2)
    steps = gauss_newton(lambda x: (rhs - x, lambda v: v), start, weight=1e-3)
    assert torch.allclose([next(steps)[0] for _ in range(8)][-1], rhs, atol=1e-2)
    assert bool((rhs == 2).all() and (start == 1).all())


SERIES = {
    "series": lambda: SeriesTotalVariationPenalty(0.25),
    "low rank and sparse": lambda: LowRankPlusSparsePenalty(0.5, SeriesTotalVariationPenalty(0.25)),
}


@pytest.mark.parametrize("name", [*PENALTIES, *SERIES])
def test_a_proximal_map_and_a_value_are_functions(name):
    """The same arguments give the same result, whatever was asked before."""
    penalty, x = (PENALTIES | SERIES)[name](), noisy_square(3 if name in SERIES else 1)
    x = torch.stack([x, x]) if name == "low rank and sparse" else x
    first, value = penalty.prox(x, 0.05), penalty.value(x)
    kept = x.clone()
    penalty.prox(3 * x, 0.5)
    assert torch.equal(penalty.prox(x, 0.05), first)
    assert penalty.value(x) == value
    assert torch.equal(x, kept)

    if name == "cycle-spun":
        return  # the proximal map of another function than the value, see its class

    def objective(u):
        return float((u - x).abs().square().sum()) / 2 + 0.05 * penalty.value(u)

    generator = torch.Generator().manual_seed(1)
    for size in (1e-2,) if name == "tgv" else (1e-2, 1e-1):
        moved = first + size * torch.randn(x.shape, dtype=x.dtype, generator=generator)
        assert objective(first) <= objective(moved) * (1 + 1e-5)


def noisy_square(frames=1):
    x = torch.zeros(frames, 1, *SHAPE, dtype=torch.complex64)
    x[frames // 2 :, ..., 6:16, 8:20] = 1 + 0.5j
    return x + 0.1 * torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("denoiser", [BlockMatching(), DictionaryDenoiser(6)], ids=["block matching", "dictionary"])
def test_a_denoiser_is_a_function(denoiser):
    x = noisy_square()
    first = denoiser(x, 0.1)
    denoiser(x.flip(-1), 0.02)
    assert torch.equal(denoiser(x, 0.1), first)

"""Results on disk: found by what they were made from, and refused when damaged."""

import pytest
import torch

from fourfold.errors import InputError
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.result_cache import CacheKey, ResultCache, fingerprint
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate


@pytest.fixture(scope="module")
def scan():
    return undersample(simulate(phantom((48, 44)), coils=4, snr=40.0, seed=0), "random", 2.0, lines=12)


def test_a_reconstruction_comes_back_with_its_scores_and_record(scan, tmp_path):
    cache, key = ResultCache(tmp_path / "cache"), CacheKey("scan: 1", "tv", {"a": 1})
    assert cache.scores(key) is None
    assert not (tmp_path / "cache").exists()
    made = TotalVariation(weight=0.002, iterations=2)(scan)
    cache.keep(key, {"psnr": float("inf")}, made)
    assert cache.scores(key) == {"psnr": float("inf")}
    torch.testing.assert_close(cache.reconstruction(key).image, made.image, rtol=0, atol=0)
    assert cache.reconstruction(key).record.settings == made.record.settings
    assert key.file_name.startswith("scan-1-tv-")


def test_scores_are_kept_without_a_reconstruction(tmp_path):
    cache, key = ResultCache(tmp_path), CacheKey("T1", "network", {"weights": "abc"})
    cache.keep(key, [{"psnr": 20.0}])
    assert cache.scores(key) == [{"psnr": 20.0}]


def test_other_inputs_and_another_version_have_other_results(tmp_path, monkeypatch):
    cache, key = ResultCache(tmp_path), CacheKey("scan", "tv", {"a": 1})
    cache.keep(key, {})
    assert cache.holds(key)
    assert not cache.holds(CacheKey("scan", "tv", {"a": 2}))
    monkeypatch.setattr("fourfold.result_cache.version", lambda _: "another")
    assert not cache.holds(key)


def test_a_fingerprint_changes_with_the_samples(scan):
    assert fingerprint(scan) == fingerprint(scan.replace(kspace=scan.kspace.clone()))
    assert fingerprint(scan) != fingerprint(scan.replace(kspace=2 * scan.kspace))


def test_a_damaged_file_is_refused(tmp_path):
    cache, key = ResultCache(tmp_path), CacheKey("scan", "tv", {})
    cache.keep(key, {})
    path = tmp_path / key.file_name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="is damaged: delete it"):
        cache.scores(key)

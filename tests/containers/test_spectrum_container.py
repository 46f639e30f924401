"""EchelleSpectrum and Order: validation, masking, cropping, edges."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from blase.containers import EchelleSpectrum, Metadata, Order, from_arrays
from blase.errors import InputError


def make_order(n=100, row=0, **changes):
    wavelength = 8000.0 + np.cumsum(np.linspace(0.04, 0.08, n))
    arrays = {
        "wavelength": wavelength,
        "flux": np.ones(n),
        "uncertainty": np.full(n, 0.01),
        "mask": np.zeros(n, bool),
    }
    return Order(row, **{**arrays, **changes})


def arrays(n=100, start=8000.0):
    return start + 0.05 * np.arange(n), np.ones(n), np.full(n, 0.01)


class TestOrder:
    def test_arrays_become_float64(self):
        order = make_order(flux=np.ones(100, dtype=np.float32))
        assert order.flux.dtype == np.float64 and order.mask.dtype == bool and order.label == "order 0"

    @pytest.mark.parametrize("name", ["flux", "uncertainty", "mask", "blaze", "stored_edges"])
    def test_wrong_shape_names_the_array(self, name):
        with pytest.raises(InputError, match=f"{name} has the wrong shape"):
            make_order(**{name: np.ones(99)})

    def test_disorder_names_the_first_offending_pixel(self):
        wavelength = 8000.0 + np.arange(100.0)
        wavelength[[40, 41]] = wavelength[[41, 40]]
        with pytest.raises(InputError, match="8040.000000 A at pixel 41, after 8041"):
            make_order(wavelength=wavelength)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0])
    def test_wavelength_that_is_not_a_positive_number(self, value):
        wavelength = 8000.0 + np.arange(100.0)
        wavelength[7] = value
        with pytest.raises(InputError, match="at pixel 7"):
            make_order(wavelength=wavelength)

    def test_bad_pixels_are_masked_and_counted_once_each(self):
        flux, uncertainty, mask = np.ones(100), np.full(100, 0.1), np.zeros(100, bool)
        flux[[0, 1, 2]] = np.nan, np.inf, -np.inf
        uncertainty[[2, 3, 4, 5, 6]] = np.nan, np.nan, 0.0, -1.0, np.inf
        mask[[6, 7, 8]] = True
        order = make_order(flux=flux, uncertainty=uncertainty, mask=mask)
        assert order.mask_reasons() == {
            "non-finite flux": 3,
            "non-finite or non-positive uncertainty": 4,
            "a flag in the input": 2,
        }
        assert order.n_good == 91 and not order.mask[9:].any()

    def test_edges_are_midpoints_whatever_is_masked(self):
        order = make_order(mask=np.arange(100) % 3 == 0)
        w, e = order.wavelength, order.edges()
        np.testing.assert_allclose(e[1:-1], (w[1:] + w[:-1]) / 2, rtol=1e-15)
        np.testing.assert_allclose(
            [w[0] - e[0], e[-1] - w[-1]], [(w[1] - w[0]) / 2, (w[-1] - w[-2]) / 2], rtol=1e-9
        )

    def test_pixels_beside_a_gap_keep_their_width(self):
        """An order without some of its pixels has the pixels of the whole order, to 1 % of a pixel."""
        whole = make_order(300)
        kept = np.ones(300, bool)
        kept[[40, 41, 42, 120, 200, 201, 299]] = False
        arrays = {n: getattr(whole, n)[kept] for n in ("wavelength", "flux", "uncertainty", "mask")}
        part = Order(0, **arrays)
        np.testing.assert_allclose(part.bounds(), whole.bounds()[kept], atol=6e-4)
        np.testing.assert_array_equal(whole.bounds(), np.stack([whole.edges()[:-1], whole.edges()[1:]], 1))
        away = np.r_[0:38, 44:115, 125:195]
        np.testing.assert_array_equal(
            part.bounds()[away], np.stack([part.edges()[:-1], part.edges()[1:]], 1)[away]
        )

    def test_a_pixel_cropped_beside_a_gap_keeps_its_width(self):
        wavelength = np.r_[8000 + 0.05 * np.arange(50), 8010 + 0.05 * np.arange(50)]
        whole = make_order(wavelength=wavelength)
        part = whole.crop(8000.5, 8005.0)
        np.testing.assert_allclose(part.bounds(), np.add.outer(part.wavelength, [-0.025, 0.025]), atol=1e-9)

    @pytest.mark.parametrize("gap", [0.5, 20.0, 79.0])
    def test_gaps_of_removed_pixels_pass(self, gap):
        wavelength = np.r_[8000 + 0.05 * np.arange(50), 8002.5 + gap + 0.05 * np.arange(50)]
        assert len(make_order(wavelength=wavelength)) == 100

    def test_coarse_sampling_passes(self):
        assert len(make_order(wavelength=1000.0 * 1.02 ** np.arange(100))) == 100

    @pytest.mark.parametrize("second", [8002.5, 9000.0 / 10], ids=["nm, then Angstrom", "two chips"])
    def test_a_chasm_is_refused(self, second):
        wavelength = np.r_[800 + 0.005 * np.arange(50), second + 0.05 * np.arange(50)]
        with pytest.raises(InputError, match="mixed units, or several chips in one order") as caught:
            make_order(wavelength=wavelength)
        for part in ("at pixel 50, after 800.245 A", "expected:", "order column", "--wavelength-unit"):
            assert part in str(caught.value)

    @pytest.mark.parametrize(("error", "refused"), [(1.1e-6, False), (0.9e-6, True), (1e-30, True)])
    def test_errors_must_be_credible(self, error, refused):
        uncertainty = np.full(100, 0.01)
        uncertainty[7] = error
        order = make_order(uncertainty=uncertainty)
        if not refused:
            order.require_usable()
            return
        with pytest.raises(InputError, match="x.csv: order 0: an uncertainty is too small.*") as caught:
            order.require_usable("x.csv")
        assert f"{error:.3g} at pixel 7" in str(caught.value) and "fix:" in str(caught.value)

    @given(st.integers(0, 97), st.integers(2, 100))
    def test_crop_keeps_pixels_and_their_edges(self, first, count):
        whole = make_order(blaze=np.linspace(0.5, 1.0, 100))
        last = min(first + count, 100) - 1
        part = whole.crop(whole.wavelength[first], whole.wavelength[last])
        assert part is not None
        np.testing.assert_array_equal(part.wavelength, whole.wavelength[first : last + 1])
        np.testing.assert_array_equal(part.blaze, whole.blaze[first : last + 1])
        np.testing.assert_array_equal(part.edges(), whole.edges()[first : last + 2])

    @pytest.mark.parametrize(
        ("n", "good", "usable"), [(100, 50, True), (100, 49, False), (400, 80, True), (400, 79, False)]
    )
    def test_usable_needs_fifty_pixels_and_a_fifth_of_the_order(self, n, good, usable):
        flux = np.ones(n)
        flux[good:] = np.nan
        order = make_order(n, flux=flux)
        if usable:
            order.require_usable("x.fits")
            return
        with pytest.raises(InputError) as caught:
            order.require_usable("x.fits")
        for part in ("x.fits", f"{good} good of {n}", f"{n - good} with non-finite flux", "--order"):
            assert part in str(caught.value)


class TestEchelleSpectrum:
    def spectrum(self):
        return EchelleSpectrum((make_order(row=0), make_order(row=4, wavelength=9000.0 + np.arange(100.0))))

    def test_counts(self):
        assert self.spectrum().n_pixels == 200 and self.spectrum().n_good == 200

    def test_select_keeps_rows_and_refuses_others(self):
        assert [order.row for order in self.spectrum().select([4, 0]).orders] == [4, 0]
        assert self.spectrum().select(4).orders[0].row == 4
        with pytest.raises(InputError, match="row 2") as caught:
            self.spectrum().select(2)
        assert "rows 0 to 4" in str(caught.value) and "--order" in str(caught.value)

    def test_crop_drops_orders_outside_and_says_so(self):
        cropped = self.spectrum().crop(9010.0, 9020.0)
        assert [order.row for order in cropped.orders] == [4] and cropped.n_pixels == 11
        assert "11 of 200 pixels kept" in cropped.metadata.history[-1]

    def test_crop_to_nothing_lists_what_there_is(self):
        with pytest.raises(InputError, match="9000.0-9099.0"):
            self.spectrum().crop(5000.0, 5100.0)
        with pytest.raises(InputError, match="range is empty"):
            self.spectrum().crop(9020.0, 9010.0)

    def test_no_orders_and_repeated_rows_are_refused(self):
        with pytest.raises(InputError, match="no orders"):
            EchelleSpectrum(())
        with pytest.raises(InputError, match="a row occurs twice"):
            EchelleSpectrum((make_order(), make_order()))

    def test_nothing_usable_is_refused_with_reasons(self):
        with pytest.raises(InputError, match="100 with non-finite flux"):
            EchelleSpectrum((make_order(flux=np.full(100, np.nan)),))

    def test_one_dead_order_among_good_ones_is_kept(self):
        assert EchelleSpectrum((make_order(), make_order(row=1, flux=np.full(100, np.nan)))).n_good == 100

    def test_info_is_plain_data(self):
        spectrum = self.spectrum().with_metadata(time=Time("2020-01-01T00:00:00"), barycentric_velocity=-3.0)
        info = json.loads(json.dumps(spectrum.with_history("touched").info()))
        assert info["history"] == ["touched"] and info["time_utc"].startswith("2020-01-01")
        row = info["orders"][1]
        assert (row["row"], row["n_pixels"], row["n_masked"], row["median_snr"]) == (4, 100, 0, 100.0)
        np.testing.assert_allclose(row["sampling_km_s"], 299_792.458 / 9049.5, rtol=1e-3)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("barycentric_velocity", -27_523.7),
            ("resolving_power", 0.0),
            ("resolving_power_error", -1.0),
            ("frame", "x"),
        ],
    )
    def test_metadata_is_checked(self, field, value):
        with pytest.raises(InputError):
            Metadata(**{field: value})


class TestFromArrays:
    def test_one_order(self):
        spectrum = from_arrays(*arrays(), wavelength_unit="A", target="star")
        assert len(spectrum.orders) == 1 and spectrum.metadata.target == "star"

    def test_two_dimensions_and_ragged_lists(self):
        w, f, s = arrays()
        square = from_arrays(np.stack([w, w + 100]), np.stack([f, f]), np.stack([s, s]), wavelength_unit="A")
        assert [len(order) for order in square.orders] == [100, 100]
        ragged = from_arrays(
            [w, w[:60] + 100], [f, f[:60]], [s, s[:60]], wavelength_unit="A", echelle_orders=[9, 8]
        )
        assert [(len(o), o.row, o.echelle_order) for o in ragged.orders] == [(100, 0, 9), (60, 1, 8)]

    def test_plain_lists(self):
        assert len(from_arrays([1.0, 2.0], [1.0, 1.0], [0.1, 0.1], wavelength_unit="um").orders[0]) == 2

    def test_quantities_convert(self):
        w, f, s = arrays()
        flux, error = f * u.Unit("W / m2"), s * u.Unit("mW / m2")
        spectrum = from_arrays(w / 10 * u.nm, flux, error)
        np.testing.assert_allclose(spectrum.orders[0].wavelength, w, rtol=1e-14)
        np.testing.assert_allclose(spectrum.orders[0].uncertainty, 1e-5, rtol=1e-12)
        assert spectrum.metadata.flux_unit == "W / m2"

    def test_decreasing_order_is_turned_round_with_everything_on_it(self):
        w, f, s = arrays()
        f, mask, blaze = np.arange(100.0), np.arange(100) < 3, np.arange(100.0) + 1
        spectrum = from_arrays(w[::-1], f, s, mask, blaze=blaze, wavelength_unit="A")
        order = spectrum.orders[0]
        assert (
            order.flux[0] == 99.0
            and order.blaze[0] == 100.0
            and order.mask[-3:].all()
            and not order.mask[:-3].any()
        )
        assert any("turned round" in sentence for sentence in spectrum.metadata.history)

    def test_missing_unit_and_medium(self):
        with pytest.raises(InputError, match="--wavelength-unit"):
            from_arrays(*arrays())
        with pytest.raises(InputError, match="--medium"):
            from_arrays(*arrays(), wavelength_unit="A", medium="glass")
        with pytest.raises(InputError, match="--frame"):
            from_arrays(*arrays(), wavelength_unit="A", frame="lunar")

    def test_mixed_units_are_refused(self):
        w, f, s = arrays()
        with pytest.raises(InputError, match="1 of 2 orders with a unit"):
            from_arrays([w * u.AA, w + 100], [f, f], [s, s], wavelength_unit="A")
        with pytest.raises(InputError, match="share one unit"):
            from_arrays([w, (w + 100) / 10], [f, f], [s, s], wavelength_unit="A")
        with pytest.raises(InputError, match="flux and uncertainty"):
            from_arrays(w, f * u.Jy, s * u.m, wavelength_unit="A")

    def test_other_number_of_orders_is_refused(self):
        w, f, s = arrays()
        with pytest.raises(InputError, match="flux has another number of orders"):
            from_arrays([w, w + 100], [f], [s, s], wavelength_unit="A")

    def test_errors_name_the_file_and_the_order(self):
        w, f, s = arrays()
        with pytest.raises(InputError, match=r"x.fits: order 1: wavelengths are not increasing"):
            from_arrays([w, np.r_[w[:50], w[:50]]], [f, f], [s, s], wavelength_unit="A", path="x.fits")

    def test_missing_uncertainty_is_estimated_and_said(self):
        w, f, _ = arrays(5000)
        spectrum = from_arrays(w, f + np.random.default_rng(0).normal(0, 0.02, 5000), wavelength_unit="A")
        np.testing.assert_allclose(spectrum.orders[0].uncertainty, 0.02, rtol=0.05)
        assert "DER_SNR" in spectrum.metadata.history[0] and "no uncertainties" in spectrum.metadata.notes[0]

    def test_noise_that_cannot_be_estimated_is_asked_for(self):
        w, f, _ = arrays()
        with pytest.raises(InputError, match="no noise to estimate"):
            from_arrays(w, f, wavelength_unit="A")

    def test_no_arrays_at_all(self):
        with pytest.raises(InputError, match="no orders"):
            from_arrays([], [], wavelength_unit="A")
        with pytest.raises(InputError, match="too few pixels"):
            from_arrays(np.empty(0), np.empty(0), wavelength_unit="A")

    def test_masking_is_in_the_history(self):
        w, f, s = arrays()
        f[3], s[4] = np.nan, 0.0
        history = from_arrays(w, f, s, wavelength_unit="A").metadata.history
        expected = (
            "2 of 100 pixels masked: 1 with non-finite flux, 1 with non-finite or non-positive uncertainty"
        )
        assert history == (expected,)

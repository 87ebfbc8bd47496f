"""Loaded X-rays: labels, boxes in the input, copies, what is left out, the cache, the built-in."""

import gc
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.dataset import DataRequest
from nas.data.files import Progress
from nas.data.normalise import fitted_preprocess
from nas.data.splits import SPLITS, Split
from nas.data.synthetic.xrays import BUILT_IN_XRAY_SOURCE, GeneratedXrays
from nas.data.xray import decode as xray_decode
from nas.data.xray.dataset import XrayData, XraySet
from nas.data.xray.decode import decode_xray
from nas.data.xray.listing import list_xrays
from nas.data.xray.load import load_listed_xrays, load_xrays
from nas.data.xray.preprocess import XrayLabels, XrayPreprocess
from nas.errors import NasError
from nas.spec.definition import InputSpec
from tests.data.xray.test_decoder import DEADLY, changed
from tests.data.xray_files import write_dicom, write_set, write_tables

HEIGHT, WIDTH = 6, 32
"""Of the input: half and twice the 12 x 16 pixels of the files."""
SIZE = InputSpec(channels=1, height=HEIGHT, width=WIDTH)


def load(
    source: Path | None,
    labels: XrayLabels,
    *splits: Split,
    channels: int = 1,
    on_progress: Progress | None = None,
    **options,
) -> XrayData:
    size = InputSpec(channels=channels, height=HEIGHT, width=WIDTH)
    settings = XrayPreprocess(labels=labels)
    request = DataRequest(source, size, settings, splits=splits or SPLITS, **options)
    return load_xrays(request, on_progress)


def images_of(data: XrayData) -> dict[str, tuple[XraySet, int]]:
    """The set and position of each image by its id."""
    parts = data.splits.values()
    return {name: (part, n) for part in parts for n, name in enumerate(part.image_ids)}


@pytest.mark.usefixtures("cache_dir")
class TestLoading:
    def test_the_class_of_the_study(self, tmp_path: Path) -> None:
        write_set(tmp_path)
        data = load(tmp_path, "study", channels=3)
        assert data.classes == ("negative", "typical", "indeterminate", "atypical")
        found = images_of(data)
        assert len(found) == 20
        for name, (part, n) in found.items():
            assert part.labels_N[n] == int(name[1:]) % 4
            assert part.paths[n] == f"train/s{name[1:]}/{name}.dcm"
            assert (part.study_ids[n], part.patients[n]) == (f"s{name[1:]}", f"s{name[1:]}")
            expected = decode_xray(tmp_path / part.paths[n], HEIGHT, WIDTH, 3, XrayPreprocess())
            np.testing.assert_array_equal(part.pixels[n], expected.pixels)
        for split in SPLITS:
            part = data.split(split)
            assert part.labels_N.dtype == np.int64
            assert part.pixels.dtype == np.uint8
            assert not part.pixels.flags.writeable
            assert list(part.image_ids) == sorted(part.image_ids)
            assert part.original_sizes_N2.tolist() == [[12, 16]] * len(part)
        assert data.made_splits == ("validation", "test")
        assert (data.source, data.unreadable) == (str(tmp_path), ())
        assert data.notes == ("of 20 images no patient is known: they are kept apart by study",)

    @pytest.mark.parametrize("labels", ["opacity", "boxes"])
    def test_whether_an_image_has_a_box(self, tmp_path: Path, labels: XrayLabels) -> None:
        write_set(tmp_path)
        data = load(tmp_path, labels)
        assert data.classes == {"opacity": ("none", "opacity"), "boxes": ("opacity",)}[labels]
        for name, (part, n) in images_of(data).items():
            assert part.labels_N[n] == (len(part.boxes[n]) > 0) == (int(name[1:]) % 4 > 0)
        train = data.split("train")
        assert train.class_counts == tuple(np.bincount(train.labels_N).tolist())
        assert len(train.class_counts) == 2
        assert len(fitted_preprocess(XrayPreprocess(), train.pixels).mean) == 1

    def test_boxes_are_scaled_by_height_and_by_width(self, tmp_path: Path) -> None:
        write_set(tmp_path)
        for name, (part, n) in images_of(load(tmp_path, "boxes")).items():
            expected = [[4, 1.5, 20, 4.5]] if int(name[1:]) % 4 else []
            assert part.boxes[n].tolist() == expected
            assert part.boxes[n].shape == (len(expected), 4)
            assert part.boxes[n].dtype == np.float32

    def test_height_and_width_are_not_exchanged(self, tmp_path: Path) -> None:
        """A bright rectangle in files of several shapes: the box lies around it in the input."""
        _, images = write_set(tmp_path)
        classes = {study: "typical" for study, _ in images.values()}
        for number, (name, (study, _)) in enumerate(images.items()):
            path = tmp_path / "train" / study / f"{name}.dcm"
            pixels = np.zeros((60, 20) if number % 2 else (20, 60), dtype=np.uint16)
            pixels[5:10, 12:18] = 1000
            write_dicom(path, pixels)
            if number % 3 == 0:  # as a picture
                path.unlink()
                Image.fromarray((pixels > 0).astype(np.uint8) * 255).save(path.with_suffix(".png"))
            images[name] = (study, [(12.0, 5.0, 18.0, 10.0)])
        write_tables(tmp_path, classes, images)
        settings = XrayPreprocess(labels="boxes", interpolation="nearest")
        size = InputSpec(channels=1, height=120, width=240)
        data = load_xrays(DataRequest(tmp_path, size, settings, splits=SPLITS))
        for part, n in images_of(data).values():
            ((x1, y1, x2, y2),) = part.boxes[n].round().astype(int)
            bright = part.pixels[n, :, :, 0] > 128
            assert bright[y1:y2, x1:x2].all()
            assert bright.sum() == (y2 - y1) * (x2 - x1)

    def test_boxes_are_clipped_and_those_outside_are_left_out(self, tmp_path: Path) -> None:
        classes, images = write_set(tmp_path)
        outside = (20.0, 0.0, 30.0, 9.0)
        images["i01"] = ("s01", [(-8.0, 6.0, 8.0, 30.0), outside])
        images["i02"] = ("s02", [outside])
        write_tables(tmp_path, classes, images)
        data = load(tmp_path, "boxes")
        found = images_of(data)
        part, n = found["i01"]
        assert part.boxes[n].tolist() == [[0, 3, 16, 6]]
        assert "i02" not in found  # what is left would say that nothing is to be found
        assert set(data.unreadable) == {
            f"train_image_level.csv:{line}: box 20 0 30 9 lies outside the image, 12 x 16"
            for line in (3, 4)
        }
        for split in SPLITS:
            assert len(data.split(split).pixels) == len(data.split(split))
            assert not data.split(split).pixels.flags.writeable
        part, n = images_of(load(tmp_path, "study"))["i02"]
        assert (part.labels_N[n], len(part.boxes[n])) == (2, 0)

    def test_a_copy_without_boxes_is_left_out_of_what_is_learned_by_image(
        self, tmp_path: Path
    ) -> None:
        classes, images = write_set(tmp_path)
        images |= {"copy": ("s01", []), "second": ("s00", [])}
        write_tables(tmp_path, classes, images)
        for name in ("copy", "second"):
            write_dicom(tmp_path / "train" / f"{name}.dcm")
        assert {"copy", "second"} <= images_of(load(tmp_path, "study")).keys()
        for labels in ("opacity", "boxes"):
            data = load(tmp_path, labels)
            assert "second" in images_of(data)
            assert "copy" not in images_of(data)
            note = "1 images without boxes are left out: another image of their study has them"
            assert data.notes[0] == note
            assert data.unreadable == ()

    def test_splits_are_the_same_for_all_labels(self, tmp_path: Path) -> None:
        write_set(tmp_path, 40)
        for seed in (0, 3, 7):
            loaded = [load(tmp_path, labels, seed=seed) for labels in ("study", "opacity", "boxes")]
            for split in SPLITS:
                assert len({data.split(split).image_ids for data in loaded}) == 1
            assert len({data.split_digest for data in loaded}) == 1
        assert load(tmp_path, "study", seed=1).split_digest != loaded[0].split_digest

    def test_only_the_splits_that_are_asked_for_are_read(self, tmp_path: Path) -> None:
        write_set(tmp_path)
        held = load(tmp_path, "study", "test").split("test")
        for path in held.paths:
            (tmp_path / path).write_bytes(b"no image")
        data = load(tmp_path, "study", "train", "validation", strict=True)
        with pytest.raises(ValueError, match=r"split 'test' of .* was not loaded"):
            data.split("test")

    def test_what_cannot_be_read_is_named_and_left_out(self, tmp_path: Path) -> None:
        write_set(tmp_path, 40)
        whole = (tmp_path / "train" / "s02" / "i02.dcm").read_bytes()
        (tmp_path / "train" / "s01" / "i01.dcm").write_bytes(b"no image")
        (tmp_path / "train" / "s02" / "i02.dcm").write_bytes(whole[:-40])
        (tmp_path / "train" / "s03" / "i03.dcm").unlink()
        (tmp_path / "train" / "s05" / "i05.dcm").write_bytes(
            changed(*DEADLY["bits of a JPEG-LS picture"])
        )
        data = load(tmp_path, "study")
        left_out = {"i01", "i02", "i03", "i05"}
        assert images_of(data).keys() == {f"i{n:02d}" for n in range(40)} - left_out
        places = [line.split(": ")[0] for line in data.unreadable]
        assert sorted(places) == [
            "train/s01/i01.dcm", "train/s02/i02.dcm", "train/s05/i05.dcm",
            "train_image_level.csv:5",
        ]  # fmt: skip
        with pytest.raises(NasError, match="4 unreadable files or rows: "):
            load(tmp_path, "study", strict=True)

    def test_a_class_without_a_training_image_is_refused(self, tmp_path: Path) -> None:
        classes, images = write_set(tmp_path)
        lines = [f"i{n:02d},{n % 5 if n % 4 != 3 else 0}" for n in range(20)]
        (tmp_path / "meta.csv").write_text("image_id,fold\n" + "\n".join(lines) + "\n")
        refused = "no image of 'atypical' in the train split, only in test; training needs at least"
        with pytest.raises(NasError, match=refused):
            load(tmp_path, "study")
        request = DataRequest(tmp_path, SIZE, XrayPreprocess(labels="study"))
        data = load_listed_xrays(list_xrays(tmp_path), request, every_class=False)
        assert len(data.split("train")) == 9
        assert len(load(tmp_path, "boxes").split("train")) == 9
        write_tables(tmp_path, classes, {name: (study, []) for name, (study, _) in images.items()})
        refused = r"train_image_level\.csv boxes: no image of 'opacity'; found: 20 of 'none'; train"
        for labels in ("opacity", "boxes"):
            with pytest.raises(NasError, match=refused):
                load(tmp_path, labels)
        everywhere = {name: (study, [(1, 1, 2, 2)]) for name, (study, _) in images.items()}
        write_tables(tmp_path, classes, everywhere)
        with pytest.raises(NasError, match="no image of 'none'; found: 20 of 'opacity'"):
            load(tmp_path, "opacity")
        assert load(tmp_path, "boxes").split("train").labels_N.all()

    def test_a_class_that_no_table_has_is_looked_for_in_the_table(self, tmp_path: Path) -> None:
        classes, images = write_set(tmp_path)
        only = {study: name.replace("negative", "atypical") for study, name in classes.items()}
        write_tables(tmp_path, only, images)
        refused = (
            r"train_study_level\.csv negative for pneumonia: no image of 'negative'; found: 10 of "
            "'atypical', 5 of 'indeterminate', 5 of 'typical'; training needs at least one image of"
        )
        with pytest.raises(NasError, match=refused):
            load(tmp_path, "study")
        assert len(load(tmp_path, "boxes").split("train")) == 12

    def test_a_class_whose_training_images_cannot_be_read_is_refused(self, tmp_path: Path) -> None:
        write_set(tmp_path)
        train = load(tmp_path, "study").split("train")
        for path, label in zip(train.paths, train.labels_N, strict=True):
            if label == 3:
                (tmp_path / path).write_bytes(b"")
        refused = (
            r"no image of 'atypical' in the train split can be read: train/s\d\d/i\d\d\.dcm: an"
        )
        with pytest.raises(NasError, match=refused):
            load(tmp_path, "study")

    def test_epochs_are_not_ranked_by_a_split_without_boxes(self, tmp_path: Path) -> None:
        classes, images = write_set(tmp_path)
        held = load(tmp_path, "boxes", "validation").split("validation").image_ids
        for name in held:
            images[name] = (images[name][0], [])
        write_tables(tmp_path, classes, images)
        with pytest.raises(NasError, match="no image of the validation split has a box: F1 would"):
            load(tmp_path, "boxes", "train", "validation")
        assert len(load(tmp_path, "boxes", "train", "test").split("train")) == 12
        assert len(load(tmp_path, "opacity").split("validation")) == 4

    def test_boxes_in_a_negative_study_are_noted(self, tmp_path: Path) -> None:
        classes, images = write_set(tmp_path)
        for name in ("i00", "i08"):
            images[name] = (images[name][0], [(1.0, 1.0, 4.0, 4.0)])
        write_tables(tmp_path, classes, images)
        for labels in ("study", "boxes"):
            notes = load(tmp_path, labels).notes
            assert notes[-1] == "2 studies are negative and have boxes: s00; s08"

    @pytest.mark.parametrize(("folds", "found"), [(1, "fold 0"), (2, "folds 0, 1")])
    def test_too_few_given_folds_are_named(self, tmp_path: Path, folds: int, found: str) -> None:
        write_set(tmp_path)
        lines = [f"i{n:02d},{n % folds}" for n in range(20)]
        (tmp_path / "meta.csv").write_text("image_id,fold\n" + "\n".join(lines) + "\n")
        refused = (
            rf"meta\.csv fold: no images for the train split: all images are in {found}; 5 folds "
            "are needed, 0 to 4"
        )
        with pytest.raises(NasError, match=refused):
            load(tmp_path, "study")

    def test_a_split_without_a_readable_image_is_refused(self, tmp_path: Path) -> None:
        write_set(tmp_path)
        for path in load(tmp_path, "study", "validation").split("validation").paths:
            (tmp_path / path).write_bytes(b"")
        refused = r"no image in the validation split can be read: train/s\d\d/i\d\d\.dcm: an empty"
        with pytest.raises(NasError, match=refused):
            load(tmp_path, "study")
        lines = [f"i{n:02d},{n % 4}" for n in range(20)]
        (tmp_path / "meta.csv").write_text("image_id,fold\n" + "\n".join(lines) + "\n")
        with pytest.raises(NasError, match="no images for the test split"):
            load(tmp_path, "study", "test", seed=4)

    def test_a_given_test_split(self, tmp_path: Path) -> None:
        write_set(tmp_path)
        write_dicom(tmp_path / "test" / "t0.dcm")
        write_tables(tmp_path, {"u": "typical"}, {"t0": ("u", [(8, 6, 16, 12)])}, "test")
        data = load(tmp_path, "boxes")
        assert data.made_splits == ("validation",)
        assert data.split("test").image_ids == ("t0",)
        assert data.split("test").boxes[0].tolist() == [[16, 3, 32, 6]]
        assert [len(data.split(split)) for split in ("train", "validation")] == [16, 4]

    def test_the_second_load_decodes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_set(tmp_path)
        seen: list[tuple[int, int]] = []
        decode = xray_decode.decode_guarded
        calls: list[Path] = []

        def counted(path: Path, *arguments):
            calls.append(path)
            return decode(path, *arguments)

        monkeypatch.setattr(xray_decode, "decode_guarded", counted)
        data = load(tmp_path, "boxes", on_progress=lambda done, total: seen.append((done, total)))
        assert len(calls) == 20
        lengths = [len(data.split(split)) for split in SPLITS]
        assert seen == [(n, length) for length in lengths for n in range(1, length + 1)]
        again = load(tmp_path, "opacity")
        assert len(calls) == 20
        for split in SPLITS:
            first, second = data.split(split), again.split(split)
            np.testing.assert_array_equal(first.pixels, second.pixels)
            assert [box.tolist() for box in first.boxes] == [box.tolist() for box in second.boxes]
        for seed in range(1, 5):  # the five folds of one partition
            load(tmp_path, "study", seed=seed)
        assert len(calls) == 20
        settings = XrayPreprocess(labels="boxes", interpolation="nearest")
        load_xrays(DataRequest(tmp_path, SIZE, settings, splits=("test",)))
        assert len(calls) == 20 + lengths[2]

    def test_filters_of_warnings_are_put_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They are set within where a fold's pixels are made, and around those who copy them."""
        write_set(tmp_path)
        before = list(warnings.filters)
        load(tmp_path, "study", "train")
        assert warnings.filters == before

        def fail(*_: object) -> None:
            raise ValueError("ours")

        monkeypatch.setattr(xray_decode, "decode_guarded", fail)
        settings = XrayPreprocess(labels="study", interpolation="nearest")
        with pytest.raises(ValueError, match="ours") as caught:
            load_xrays(DataRequest(tmp_path, SIZE, settings, splits=("train",)))
        del caught  # and with it the threads' frames
        gc.collect()
        assert warnings.filters == before

    def test_odd_headers_are_noted_from_the_cache_too(self, tmp_path: Path) -> None:
        write_set(tmp_path)
        for name in ("00", "04"):
            odd = {"WindowCenter": 1, "WindowWidth": 0}
            write_dicom(tmp_path / "train" / f"s{name}" / f"i{name}.dcm", **odd)
        for labels in ("study", "study", "opacity"):
            found = load(tmp_path, labels, *SPLITS)
            assert not found.unreadable
            assert found.notes[-1].startswith("2 files have odd headers: train/s0")
            assert found.notes[-1].count("Width 0: shown at its full range") == 2

    def test_channels_are_one_or_three(self, tmp_path: Path) -> None:
        with pytest.raises(NasError, match="1 channel"):
            load(tmp_path, "study", channels=2)


def test_the_built_in_set_is_ready_without_data(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = GeneratedXrays(patients=40, second_studies=5, copies=3, shortest=32, longest=48)
    monkeypatch.setattr("nas.data.synthetic.xrays.GeneratedXrays", lambda: small)
    loaded = {labels: load(None, labels) for labels in ("study", "opacity", "boxes")}
    for labels, data in loaded.items():
        assert data.source == BUILT_IN_XRAY_SOURCE
        assert (data.made_splits, data.split_digest, data.unreadable) == ((), "", ())
        assert sum(len(data.split(split)) for split in SPLITS) == (48 if labels == "study" else 45)
        for split in SPLITS:
            assert np.bincount(data.split(split).labels_N).all()
    folds = [
        set(load(None, "study", "test", seed=fold).split("test").image_ids) for fold in range(5)
    ]
    assert folds[0] == set(loaded["study"].split("test").image_ids)
    assert len(set().union(*folds)) == sum(map(len, folds)) == 48
    assert not any("negative" in note for data in loaded.values() for note in data.notes)
    written = sorted((cache_dir / "generated_xrays").glob("*/train/*/*/*.dcm"))
    assert len(written) == 48

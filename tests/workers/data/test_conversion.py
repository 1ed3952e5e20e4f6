"""Every kind of tensor and array is converted without loss, or refused with what to do."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clnp_core.errors import DataError
from tests.messages import naming, tells
from workers.data.conversion import plain_inputs, plain_labels, whole_number

VALUES = torch.tensor([[0.0, 1.0, 0.5], [2.0, 0.0, -3.0], [0.25, 4.0, 1.0], [0.0, 8.0, 0.125]])
"""Four samples, exact in every floating-point type of at least eight bits."""

LABELS = torch.tensor([0, 2, 1, 1])


class Held(Tensor):
    """A subclass that holds its own values, and would change what functions compute."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("a conversion calls nothing of a subclass")


class Wrapped(Tensor):
    """A subclass whose values lie elsewhere."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Wrapped":
        made: Wrapped = Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)  # type: ignore[attr-defined]
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("a conversion calls nothing of a subclass")


class Array(np.ndarray):
    pass


def uncoalesced(values: Tensor) -> Tensor:
    """Every value as the sum of its halves."""
    found = values.to_sparse()
    return torch.sparse_coo_tensor(torch.cat([found.indices()] * 2, 1), torch.cat([found.values() / 2] * 2), values.shape)


def inference(values: Tensor) -> Tensor:
    with torch.inference_mode():
        return values.clone()


def negated(values: Tensor) -> Tensor:
    return torch.complex(torch.zeros_like(values), -values).conj().imag


def read_only(values: Tensor) -> "np.ndarray[Any, Any]":
    array = values.numpy().copy()
    array.flags.writeable = False
    return array


def unaligned(values: Tensor) -> "np.ndarray[Any, Any]":
    return np.core.records.fromarrays(  # type: ignore[attr-defined]
        [np.zeros(len(values), np.int8), values.numpy()[:, 0]], names="a,b")["b"].reshape(-1, 1)


def masked_without_a_mask(values: Tensor) -> Any:
    return np.ma.array(values.numpy())


LAYOUTS: list[Callable[[Tensor], Any]] = [
    lambda x: x, lambda x: x.to_sparse(), uncoalesced, lambda x: x.to_sparse_csr(), lambda x: x.to_sparse_csc(),
    lambda x: x.to_sparse_bsr((2, 1)), lambda x: x.to_sparse_bsc((2, 1)), lambda x: x.to_mkldnn(),
    lambda x: x.T.contiguous().T, lambda x: torch.cat([x, x], 1)[:, :3], lambda x: x.repeat_interleave(2, 0)[::2],
    lambda x: x.flip(0).flip(0), lambda x: nn.Parameter(x, requires_grad=False), lambda x: x.clone().requires_grad_().detach(),
    inference, negated, lambda x: x.as_subclass(Held), lambda x: nn.Buffer(x.clone()), lambda x: x.clone().share_memory_()]

ARRAYS: list[Callable[[Tensor], Any]] = [
    lambda x: x.numpy(), lambda x: np.asfortranarray(x.numpy()), lambda x: x.numpy()[::-1][::-1],
    lambda x: x.flip(0).numpy()[::-1], lambda x: x.numpy().astype(">f4"), read_only,
    lambda x: x.numpy().view(Array), lambda x: np.asmatrix(x.numpy()),
    lambda x: np.repeat(x.numpy(), 2, 1)[:, ::2]]


def is_plain(tensor: Tensor) -> bool:
    return (type(tensor) is Tensor and tensor.is_contiguous() and tensor.layout == torch.strided and tensor.device.type == "cpu"
            and not tensor.requires_grad and not tensor.is_inference() and not tensor.is_neg())


class TestInputs:
    @pytest.mark.filterwarnings("ignore:.*(Sparse|PendingDeprecation).*", "ignore::PendingDeprecationWarning")
    @pytest.mark.parametrize("given", [*LAYOUTS, *ARRAYS])
    def test_all_forms_of_the_same_values_are_the_same_tensor(self, given: Callable[[Tensor], Any]) -> None:
        values = given(VALUES.clone())
        found = plain_inputs("lab", values)
        assert torch.equal(found, VALUES) and found.dtype == torch.float32 and is_plain(found)
        assert found.numpy().tobytes() == VALUES.numpy().tobytes()

    def test_a_negative_zero_is_kept(self) -> None:
        zeros = torch.tensor([[-0.0, 0.0]])
        for given in (zeros, zeros.half(), zeros.numpy().astype(">f4"), zeros.T.contiguous().T):
            assert plain_inputs("lab", given).signbit().tolist() == [[True, False]]

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e5m2, torch.float8_e4m3fn])
    def test_smaller_floats(self, dtype: torch.dtype) -> None:
        values = torch.arange(256, dtype=torch.uint8).view(dtype) if dtype.itemsize == 1 else (
            torch.arange(65536, dtype=torch.int32).to(torch.uint16).view(dtype))
        found = plain_inputs("lab", values.reshape(1, -1))
        assert found.dtype == torch.float32
        kept, again = ~found.isnan(), found.to(dtype).float()
        assert torch.equal(found[kept], again[kept]), "every value comes back"

    @pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16])
    def test_small_whole_numbers(self, dtype: torch.dtype) -> None:
        ends = [0, 1] if dtype == torch.bool else [torch.iinfo(dtype).min, torch.iinfo(dtype).max]
        values = torch.tensor([ends]).to(dtype)
        assert plain_inputs("lab", values).tolist() == [[float(end) for end in ends]]
        assert plain_inputs("lab", values.numpy()).tolist() == [[float(end) for end in ends]]

    @pytest.mark.parametrize("dtype", [torch.float64, torch.int32, torch.int64, torch.uint32, torch.uint64, torch.complex32,
                                       torch.complex64, torch.complex128])
    def test_what_float32_does_not_contain_is_refused(self, dtype: torch.dtype) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of half complex numbers
            values = torch.zeros(4, 3, dtype=torch.float32).to(dtype)
        with pytest.raises(DataError, match=naming(dtype, "[4, 3]", "torch.float32")) as refused:
            plain_inputs("lab", values)
        assert tells(refused.value, "torch.view_as_real(inputs).flatten(1).float()" if dtype.is_complex else ".float()")

    def test_an_array_is_read_where_it_lies(self) -> None:
        values = VALUES.clone()
        assert plain_inputs("lab", values).data_ptr() == values.data_ptr() == plain_inputs("lab", values.numpy()).data_ptr()

    def test_a_file_that_is_mapped(self, tmp_path: Path) -> None:
        VALUES.numpy().tofile(tmp_path / "values")
        for mode in ("r", "c"):
            assert torch.equal(plain_inputs("lab", np.memmap(tmp_path / "values", np.float32, mode, shape=(4, 3))), VALUES)

    def test_images_with_channels_last(self) -> None:
        images = torch.rand(2, 3, 4, 4)
        found = plain_inputs("lab", images.to(memory_format=torch.channels_last))
        assert torch.equal(found, images) and found.stride() == images.stride()

    def test_values_that_are_expanded(self) -> None:
        assert plain_inputs("lab", torch.ones(1, 3).expand(4, 3)).stride() == (3, 1)

    @pytest.mark.skipif(not hasattr(Tensor, "rename"), reason="this torch has no named tensors")
    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_names_are_left_out(self) -> None:
        named = VALUES.clone().refine_names("sample", "value")  # type: ignore[attr-defined]
        assert torch.equal(plain_inputs("lab", named), VALUES)

    @pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
    @pytest.mark.parametrize(("given", "words", "hint"), [
        (lambda x: x.requires_grad_(), (), (".detach()",)),
        (lambda x: nn.Parameter(x), (), (".detach()",)),
        (lambda x: x * nn.Parameter(torch.ones(1)), (), (".detach()",)),
        (lambda x: x.to_sparse().requires_grad_(), (), (".detach()",)),
        (lambda x: x.to("meta"), ("meta",), ("CPU",)),
        (lambda x: torch.nested.nested_tensor([x, x[:2]]), ("nested",), ()),
        (lambda x: torch.nested.nested_tensor([x, x[:2]], layout=torch.jagged), ("nested",), ()),
        (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8), ("torch.quint8", "[4, 3]"), (".dequantize()",)),
        (lambda x: torch.quantize_per_channel(x, torch.ones(3), torch.zeros(3), 1, torch.qint8), ("torch.qint8",),
         (".dequantize()",)),
        (lambda x: Wrapped(x), ("Wrapped",), ()),
        (lambda x: torch.masked.masked_tensor(x, x > 0), ("MaskedTensor",), ()),
        (lambda x: _freed(x), ("torch.float32", "torch.strided"), ("torch.Tensor", "CPU")),
        (lambda x: torch.sparse_coo_tensor(torch.zeros(2, 1, dtype=torch.int64), torch.ones(1), (2**40, 2**20)),
         (), ("torch.Tensor",)),
        (lambda x: np.ma.masked_less(x.numpy(), 0), ("MaskedArray",), ("array.filled(value)",)),
        (masked_without_a_mask, ("MaskedArray",), ()),
        (lambda x: x.numpy().astype(np.float64), ("torch.float64", "[4, 3]"), ()),
        (lambda x: x.numpy().astype(np.complex64), ("torch.complex64",), ()),
        (lambda x: x.numpy().astype(np.longdouble), (), ()),
        (lambda x: x.numpy().astype(object), ("object",), ()),
        (lambda x: x.numpy().astype(str), ("array",), ()),
        (lambda x: np.zeros(4, "U0"), ("array",), ()),
        (lambda x: np.zeros(4, [("a", "f4")]), (), ()),
        (lambda x: np.zeros(4, [("a", "f4")]).view(np.recarray), (), ()),
        (lambda x: np.zeros((4, 3), "datetime64[s]"), ("datetime64",), ()),
        (lambda x: x.tolist(), ("list",), ("clnp.Samples",)),
        (lambda x: x.numpy().tobytes(), ("bytes",), ()),
        (lambda x: None, ("NoneType",), ()),
        (lambda x: np.float32(3), ("float32",), ()),
    ])
    def test_what_takes_a_decision_is_refused(self, given: Callable[[Tensor], Any], words: tuple[str, ...],
                                                hint: tuple[str, ...]) -> None:
        values = given(VALUES.clone())
        with pytest.raises(DataError, match=naming("lab", "inputs", *words)) as refused:
            plain_inputs("lab", values)
        assert refused.value.exit_code == 3 and tells(refused.value, *hint) and str(refused.value).count("\n") == 1

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    @pytest.mark.gpu
    @pytest.mark.parametrize("given", [lambda x: x, lambda x: x.to_sparse(), lambda x: x.half(), lambda x: x.T.contiguous().T])
    def test_what_lies_on_a_gpu_is_brought_here(self, given: Callable[[Tensor], Tensor]) -> None:
        found = plain_inputs("lab", given(VALUES.cuda()))
        assert torch.equal(found, VALUES) and is_plain(found)


def _freed(values: Tensor) -> Tensor:
    values.untyped_storage().resize_(0)
    return values


class TestLabels:
    @pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16,
                                       torch.uint32])
    def test_whole_numbers(self, dtype: torch.dtype) -> None:
        for given in (LABELS.to(dtype), LABELS.to(dtype).numpy(), LABELS.to(dtype).repeat_interleave(2)[::2]):
            found = plain_labels("lab", given)
            assert torch.equal(found, LABELS) and found.dtype == torch.int64 and is_plain(found)

    def test_yes_and_no_are_two_classes(self) -> None:
        assert plain_labels("lab", torch.tensor([True, False])).tolist() == [1, 0]
        assert plain_labels("lab", np.array([True, False])).tolist() == [1, 0]

    def test_sparse_and_reversed(self) -> None:
        assert torch.equal(plain_labels("lab", LABELS.to_sparse()), LABELS)
        assert torch.equal(plain_labels("lab", LABELS.flip(0).numpy()[::-1]), LABELS)
        assert torch.equal(plain_labels("lab", LABELS.numpy().astype(">i2")), LABELS)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64,
                                       torch.uint64])
    def test_others_are_refused(self, dtype: torch.dtype) -> None:
        with pytest.raises(DataError, match=naming("labels", dtype, "[4]", "torch.int64")) as refused:
            plain_labels("lab", LABELS.to(dtype))
        assert tells(refused.value, "numpy.int64")

    def test_words_are_no_labels(self) -> None:
        with pytest.raises(DataError, match=naming("labels", "<U3")):
            plain_labels("lab", np.array(["cat", "dog"]))


@pytest.mark.parametrize(("value", "number"), [
    (3, 3), (np.int64(3), 3), (np.uint8(3), 3), (torch.tensor(3), 3), (np.array(3), 3), (2**70, 2**70),
    (True, None), (np.bool_(True), None), (torch.tensor(True), None), (3.0, None), (np.float32(3), None), ("3", None),
    (None, None), (torch.tensor([3, 4]), None), (torch.tensor(3.0), None),
    (np.array([3, 4]), None), (torch.tensor(3, device="meta"), None)])
def test_whole_numbers_are_those_of_python_numpy_and_torch(value: object, number: int | None) -> None:
    assert whole_number(value) == number and type(whole_number(value)) in (int, type(None))

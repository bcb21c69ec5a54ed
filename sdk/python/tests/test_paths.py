import pytest

from rolecall._paths import requested, sample, shown


@pytest.mark.parametrize(
    ("written", "as_shown", "as_sample"),
    [
        ("/items/", "/items/", "/items/"),
        ("/items/{id}", "/items/{id}", "/items/rolecall-test"),
        ("/items/{id:int}", "/items/{id}", "/items/1"),
        ("/files/{rest:path}", "/files/{*rest}", "/files/rolecall-test"),
        ("/items/<id>", "/items/{id}", "/items/rolecall-test"),
        ("/items/<int:id>", "/items/{id}", "/items/1"),
        ("/items/<int(min=1):id>/<uuid:part>", "/items/{id}/{part}", "/items/1/00000000-0000-4000-8000-000000000000"),
        ("/<any(a, b):kind>/x", "/{kind}/x", "/a/x"),
        ("/files/<path:rest>", "/files/{*rest}", "/files/rolecall-test"),
        ("/a-{id}.json", "/a-{id}.json", "/a-rolecall-test.json"),
    ],
)
def test_paths(written, as_shown, as_sample):
    assert (shown(written), sample(written)) == (as_shown, as_sample)
    assert "{" not in requested(written) and "<" not in requested(written)

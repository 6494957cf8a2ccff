from concurrent.futures import ThreadPoolExecutor

from vidrank_assets.errors import AlreadyStored


def test_of_many_writers_of_one_place_exactly_one_wins(store):
    def attempt(writer: int) -> bool:
        try:
            store.write("once.json", str(writer).encode(), once=True)
        except AlreadyStored:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        wins = list(pool.map(attempt, range(24)))
    assert sum(wins) == 1
    assert store.read("once.json") == str(wins.index(True)).encode()


def test_keys_are_those_below_the_prefix_without_unfinished_writes(store):
    for key in ("a/1.json", "a/b/2.json", "a/3.txt", "ab/4.json", "a/.5.json.0f.partial"):
        store.write(key, b"{}")
    assert store.keys("a", suffix=".json") == ["a/1.json", "a/b/2.json"]
    assert store.keys("nothing") == []

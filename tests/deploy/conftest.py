import pytest
from booted_board import BootedBoard
from cards import Card, make_image, make_root
from commands import make_key


@pytest.fixture
def card_of(tmp_path):
    """Makes cards of a size in bytes; they are gone after the test."""
    cards = []

    def make(size, file=None):
        cards.append(Card(file or tmp_path / f"card{len(cards)}", size))
        return cards[-1]

    yield make
    for card in cards:
        card.close()


@pytest.fixture
def card(card_of):
    return card_of(16 << 20)


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    return make_image(folder / "sd.img", make_root(folder / "root"))


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    return make_key(tmp_path_factory.mktemp("key") / "id_ed25519").with_suffix(".pub")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with BootedBoard(tmp_path_factory.mktemp("machine")) as machine:
        machine.put_version("first")
        yield machine


@pytest.fixture
def board(machine):
    """A board with a real systemd, and a version that does not run yet."""
    machine.reset()
    yield machine
    machine.reset()

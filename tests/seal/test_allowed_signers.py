"""allowed_signers: whatever ssh-keygen would make of another file than the seal's, both verifiers name it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shellcase.seal import allowed, standalone
from shellcase.seal.keys import SigningKey, make_key
from shellcase.seal.layout import NAMESPACE
from tests.tools import need

OURS = f'namespaces="{NAMESPACE}"'
LINES = {  # what stands in the file ({key}: the key that signed, {other}: another one), and words of the difference
    "key of another": (f"examiner {OURS} {{other}}\n", "another key"),
    "two lines": (f"examiner {OURS} {{key}}\nexaminer {OURS} {{other}}\n", "2 lines"),
    "the same line twice": (f"examiner {OURS} {{key}}\nexaminer {OURS} {{key}}\n", "2 lines"),
    "a certification authority": (f"examiner cert-authority,{OURS} {{key}}\n", "cert-authority"),
    "anybody": (f"* {OURS} {{key}}\n", "it is for"),
    "others too": (f"examiner,stranger {OURS} {{key}}\n", "it is for"),
    "not him": (f"!examiner,* {OURS} {{key}}\n", "it is for"),
    "quoted principals": (f'"examiner" {OURS} {{key}}\n', "spelt otherwise"),
    "any purpose": ("examiner {key}\n", "not limited to the purpose"),
    "another purpose": ('examiner namespaces="file" {key}\n', "not limited to the purpose"),
    "purposes with a pattern": ('examiner namespaces="*" {key}\n', "not limited to the purpose"),
    "purposes of several": (f'examiner namespaces="git,{NAMESPACE}" {{key}}\n', "not limited to the purpose"),
    "no longer valid": (f'examiner {OURS},valid-before="20200101" {{key}}\n', "valid-before"),
    "not yet valid": (f'examiner valid-after="21000101",{OURS} {{key}}\n', "valid-after"),
    "valid for long": (f'examiner {OURS},valid-after="20000101",valid-before="21000101" {{key}}\n', "limited in time"),
    "an option of no known name": (f"examiner {OURS},restrict {{key}}\n", "cannot read it: an option"),
    "an option twice": (f"examiner {OURS},{OURS} {{key}}\n", "twice"),
    "a comma too much": (f"examiner {OURS}, {{key}}\n", "cannot read it"),
    "a quotation mark alone": (f"examiner namespaces=\"{NAMESPACE} {{key}}\n", "cannot read it"),
    "options in capitals": (f"examiner NAMESPACES=\"{NAMESPACE}\" {{key}}\n", "spelt otherwise"),
    "two blanks": (f"examiner  {OURS} {{key}}\n", "spelt otherwise"),
    "a comment": (f"# good\nexaminer {OURS} {{key}}\n", "a comment"),
    "a comment behind": (f"examiner {OURS} {{key}} he did it\n", "a comment follows"),
    "no line end": (f"examiner {OURS} {{key}}", "spelt otherwise"),
    "Windows line ends": (f"examiner {OURS} {{key}}\r\n", ""),
    "empty lines": (f"\n\nexaminer {OURS} {{key}}\n", "spelt otherwise"),
    "nothing": ("", "0 lines"),
    "no key": (f"examiner {OURS}\n", "cannot read it"),
    "garbage": ("\x01\x02\x03", "cannot read it"),
    "key of another kind": (f"examiner {OURS} ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=\n", ""),
    "key cut": (f"examiner {OURS} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKey, SigningKey]:
    folder = tmp_path_factory.mktemp("keys")
    return make_key(folder / "own", "", b""), make_key(folder / "other", "", b"")


def accepted(folder: Path, content: bytes, key: SigningKey) -> bool:
    """Whether ssh-keygen takes a signature by this key with this file, for our name and purpose."""
    (folder / "allowed").write_bytes(content)
    (folder / "m.sig").write_bytes(key.sign(b"a message", NAMESPACE))
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "examiner", "-n", NAMESPACE, "-s", "m.sig"]
    done = subprocess.run(command, input=b"a message", cwd=folder, capture_output=True, check=False, timeout=30)
    return done.returncode == 0


def alone(content: bytes, line: str) -> list[str]:
    answers = standalone.Answers()
    standalone.check_allowed(answers, 1, content, line, "allowed")
    return [what for what, *_ in answers.problems[1]]


def test_the_seals_own_file_is_no_difference_and_ssh_keygen_takes_it(
    keys: tuple[SigningKey, SigningKey], tmp_path: Path
) -> None:
    need("ssh-keygen")
    content = allowed.allowed_line(keys[0].public_line)
    assert allowed.differences(content, keys[0].public_line) == alone(content, keys[0].public_line) == []
    assert accepted(tmp_path, content, keys[0])
    assert not accepted(tmp_path, content, keys[1])


@pytest.mark.parametrize("name", LINES)
def test_any_other_file_is_a_named_difference(keys: tuple[SigningKey, SigningKey], tmp_path: Path, name: str) -> None:
    """Both say the same words; and where they say that ssh-keygen cannot read a line, it cannot."""
    need("ssh-keygen")
    text, words = LINES[name]
    own, other = keys
    content = text.format(key=own.public_line, other=other.public_line).encode()
    found, said = allowed.differences(content, own.public_line), alone(content, own.public_line)
    assert found, content
    assert words in " ".join(found)
    assert sorted(said) == sorted(f"not the file that the seal wrote: {one}" for one in found)
    takes = accepted(tmp_path, content, own), accepted(tmp_path, content, other)
    if len(found) == 1 and "cannot read" in found[0]:
        assert takes == (False, False)
    if found[0].startswith("it is spelt"):
        assert takes == (True, False)
    if name in STILL_TAKEN:
        assert takes[0]
    assert takes[1] == (name in ("key of another", "two lines"))


STILL_TAKEN = ("two lines", "anybody", "others too", "any purpose", "purposes with a pattern", "purposes of several",
               "valid for long", "a comment", "a comment behind", "Windows line ends")  # fmt: skip

"""Verbs about seals: keygen, seal, seal add-timestamp."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from shellcase.clean import plain
from shellcase.errors import OK, UsageError
from shellcase.options import AsJson, CaseArg, Quiet
from shellcase.output import print_lines
from shellcase.progress import Display
from shellcase.seal.case import Changes, Sealed, seal_case
from shellcase.seal.cms import CmsSigner, load_signer
from shellcase.seal.composing import Additions
from shellcase.seal.keys import AskPassphrase, load_key, make_key
from shellcase.seal.layout import REQUEST, TEXT, grouped
from shellcase.seal.stamping import add_request, add_timestamp
from shellcase.seal.text import NOT_SIGNED, signed_words

_SHOWN = 10
_CASE_VERB = "CASE"

PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="A file whose first line is the passphrase, instead of a prompt."),
]


class _SealOrSub(TyperGroup):
    """`seal CASE` seals; `seal add-timestamp …` is a verb of its own. A folder of that name: `./add-timestamp`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's type, not exported by typer
        if not args or args[0] not in self.commands:
            args = [_CASE_VERB, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as above
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == _CASE_VERB else name, command, rest


app = typer.Typer(cls=_SealOrSub, help="Make a case tamper-evident: BagIt bag, signed manifest.", no_args_is_help=False)


def keygen_command(
    out: Annotated[Path, typer.Option("--out", help="The new private key; the public one is FILE.pub.")],
    comment: Annotated[str, typer.Option("--comment", help="Stands in the public key, such as a name.")] = "",
    passphrase_file: PassphraseFile = None,
    no_passphrase: Annotated[bool, typer.Option("--no-passphrase", help="Do not ask for a passphrase.")] = False,
) -> int:
    """Make a signing key (Ed25519, OpenSSH format) for `seal --key`."""
    passphrase = b"" if no_passphrase else _new_passphrase(passphrase_file)
    key = make_key(out, comment, passphrase)
    locked = "with a passphrase" if passphrase else "WITHOUT a passphrase: whoever has the file can sign as you"
    return print_lines(
        [
            f"private key   {out} ({locked})",
            f"public key    {out}.pub",
            f"fingerprint   {key.fingerprint}",
            "Give the fingerprint to counsel now, before anything is sealed, on paper or by telephone.",
        ]
    )


@app.command(_CASE_VERB, hidden=True)
def seal_command(
    case_dir: CaseArg,
    key: Annotated[
        Path | None, typer.Option("--key", help="Your OpenSSH Ed25519 private key; without it: not signed.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    cms: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--cms", metavar="CERT KEY", help="Sign with your X.509 certificate too (RSA or ECDSA; PEM)."),
    ] = None,
    cms_passphrase_file: Annotated[
        Path | None, typer.Option("--cms-passphrase-file", help="The same for the certificate's key.")
    ] = None,
    tsq: Annotated[bool, typer.Option("--tsq", help="Write a time-stamp request (RFC 3161) to send off.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Seal a case: every file hashed, a manifest signed, a bag that `sha256sum -c` can check.

    `shellcase seal add-timestamp CASE REPLY` puts a time-stamp authority's reply beside the seal.
    """
    now = datetime.now(UTC)
    signing = load_key(key, asker(passphrase_file)) if key else None
    signer: CmsSigner | None = load_signer(*cms, asker(cms_passphrase_file), now) if cms else None
    with Display(quiet=quiet or as_json) as display:
        sealed = seal_case(case_dir, signing, Additions(cms=signer, request=tsq, progress=display.progress), now)
    if tsq and not sealed.new:
        add_request(case_dir)
    if as_json:
        typer.echo(json.dumps(_summary(sealed), indent=1, sort_keys=True))
        return OK
    return print_lines(_told(case_dir, sealed, tsq=tsq))


@app.command("add-timestamp")
def add_timestamp_command(
    case_dir: CaseArg,
    reply: Annotated[Path, typer.Argument(metavar="REPLY", help="What the authority sent back (.tsr).")],
) -> int:
    """Put a time-stamp authority's reply beside the seal, after checking that it covers it."""
    at = add_timestamp(case_dir, reply)
    return print_lines(
        [
            f"time stamp stored: {at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} by the authority's clock; it covers this seal",
            "Not checked here: who signed it. `shellcase verify` and `openssl ts -verify` do, against its root.",
        ]
    )


# -- what is said -----------------------------------------------------------------------------------------------------


def _summary(sealed: Sealed) -> dict[str, object]:
    manifest = sealed.manifest
    return {
        "manifest_sha256": sealed.sha256,
        "sealed": manifest.sealed,
        "new": sealed.new,
        "finished": sealed.finished,
        "signed": manifest.signer is not None,
        "label": signed_words(manifest),
        "fingerprint": manifest.signer.fingerprint if manifest.signer else None,
        "key_made_same_day": manifest.signer.made_same_day if manifest.signer else None,
        "files": len(manifest.files) + (manifest.work.files if manifest.work else 0),
        "audit_seq": manifest.audit.seq,
        "audit_head": manifest.audit.head,
        "merkle_root": manifest.merkle.root if manifest.merkle else None,
        "previous_seal_sha256": manifest.previous_seal_sha256,
    }


def _told(root: Path, sealed: Sealed, *, tsq: bool) -> list[str]:
    """What people read."""
    manifest = sealed.manifest
    first = "sealed" if sealed.new else f"nothing changed since the seal of {manifest.sealed}: no new seal"
    lines = [
        first,
        f"{signed_words(manifest)}",
        "SHA-256 of seal/manifest.json:",
        f"  {grouped(sealed.sha256)}",
        *_warnings(sealed),
        *(_changes(sealed.changes) if sealed.changes else ()),
    ]
    if tsq:
        lines.append(f"send {root / REQUEST} to a time-stamp authority; then `shellcase seal add-timestamp`")
    if sealed.new:
        lines.append(f"Mail {root / TEXT} to counsel today, before the review of the findings starts.")
    return lines


def _warnings(sealed: Sealed) -> list[str]:
    lines = []
    if not sealed.finished:
        lines.append("The case is unfinished: its report is missing or older than what it is about.")
    signer = sealed.manifest.signer
    if signer and signer.made_same_day:
        lines.append(
            "The signing key is less than a day old: it identifies you only to those who have its fingerprint already."
        )
    if signer is None:
        lines.append(
            f"A seal that is {NOT_SIGNED} shows changes only to those who have the value above from elsewhere."
        )
    return lines


def _changes(changes: Changes) -> list[str]:
    """What differs from the former seal."""
    lines = []
    for word, paths in (("added", changes.added), ("changed", changes.changed), ("removed", changes.removed)):
        if paths:
            lines.append(f"{word} since the former seal: {len(paths)}")
            lines += [f"  {p}" for p in paths[:_SHOWN]] + (["  …"] if len(paths) > _SHOWN else [])
    return lines or ["nothing but the audit log changed since the former seal"]


# -- passphrases ------------------------------------------------------------------------------------------------------


def _new_passphrase(file: Path | None) -> bytes:
    if file is not None:
        return _first_line(file)
    _on_a_terminal("give --passphrase-file FILE, or --no-passphrase")
    text: str = typer.prompt("Passphrase (empty: none)", default="", hide_input=True, show_default=False, err=True)
    again: str = typer.prompt("The same again", default="", hide_input=True, show_default=False, err=True)
    if text != again:
        raise UsageError("the two passphrases differ", todo="start again")
    return text.encode()


def asker(file: Path | None) -> AskPassphrase:
    """Where the passphrase of a key comes from, when it has one."""

    def ask(path: Path) -> bytes:
        if file is not None:
            return _first_line(file)
        _on_a_terminal(f"give the passphrase of {path.name} with --passphrase-file FILE")
        text: str = typer.prompt(f"Passphrase of {plain(path.name)}", hide_input=True, err=True)
        return text.encode()

    return ask


def _on_a_terminal(todo: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("a passphrase is needed and there is no terminal to ask for it", todo=todo)


def _first_line(file: Path) -> bytes:
    if not file.is_file():
        raise UsageError("there is no such passphrase file", str(file), "check the path")
    with file.open("rb") as fh:
        line = fh.readline(4096).rstrip(b"\r\n")
    if not line:
        raise UsageError("the passphrase file is empty", str(file), "its first line must be the passphrase")
    return line

"""What the packages are made of agrees with itself. Building and installing them is `make package-test`."""

from __future__ import annotations

import ast
import configparser
import json
import plistlib
import re
import shutil
import struct
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import jobdesk
import jobdesk_core
import pytest
from jobdesk_core.cli import COMMANDS
from jobdesk_core.cli import exit_codes as codes_of_the_commands

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
sys.path.insert(0, str(PACKAGING))

from packager import environment, icons, libraries, licences, macos, project, release, rpm, sbom, tree, windows  # noqa: E402
from packager.inventory import Component  # noqa: E402

TABLE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WRITTEN = [
    path
    for folder in (PACKAGING, ROOT / ".github")
    for path in sorted(folder.rglob("*"))
    if path.is_file() and path.suffix not in (".ico", ".icns", ".pyc") and path.parent.name != "licences"
]


# The version


def test_both_distributions_are_of_one_version_which_stands_nowhere_else() -> None:
    version = TABLE["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version) and version == project.VERSION
    core = tomllib.loads((ROOT / "core" / "pyproject.toml").read_text("utf-8"))["project"]
    assert core["version"] == version and core["requires-python"] == TABLE["requires-python"]
    assert f"jobdesk-core[keyring]=={version}" in TABLE["dependencies"]
    assert (ROOT / "core" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    others = [*WRITTEN, *(ROOT / "core").rglob("*.py"), *(ROOT / "gui").rglob("*.py")]
    others = [path for path in others if path.suffix != ".lock"]
    assert [path for path in others if version in path.read_text("utf-8")] == []


def test_the_changelog_is_of_the_format_and_knows_the_version() -> None:
    sections = project.changelog()
    versions = [tuple(map(int, section.version.split("."))) for section in sections if section.version]
    assert versions == sorted(versions, reverse=True)
    assert all(section.version for section in sections[1:]), "[Unreleased] stands first"
    allowed = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {group for section in sections for group in section.groups} <= allowed
    _, entries = project.news()
    assert entries and all(entry.endswith(".") for entry in entries)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("## [1.2.3] - 2026-01-31\n\n### Added\n\n- It.\n", None),
        ("## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n\n### Added\n\n- It.\n", None),
        ("## [Unreleased]\n\n### Added\n\n- It.\n\n## [1.2.3] - 2026-01-31\n", "1 entries stand under"),
        ("## [1.2.2] - 2026-01-31\n\n### Added\n\n- It.\n", "newest version is 1.2.2"),
        ("## [Unreleased]\n", "missing"),
        ("## 1.2.3\n", "should be"),
    ],
)
def test_a_release_wants_its_version_dated_and_nothing_beyond_it(text: str, complaint: str | None) -> None:
    if complaint is None:
        release.check_changelog(text, "1.2.3")
    else:
        with pytest.raises(project.NotReady, match=re.escape(complaint)):
            release.check_changelog(text, "1.2.3")


def test_a_release_wants_a_real_address() -> None:
    release.check_address("https://jobdesk.org")
    with pytest.raises(project.NotReady, match="stands for one"):
        release.check_address("https://jobdesk.example")


# The files


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_no_file_of_the_packaging_names_a_place_of_this_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert str(ROOT) not in text and f"{Path.home()}/." not in text and "pypi.org" not in text


def test_every_module_of_the_recipe_exists_and_it_parses() -> None:
    tree_ = ast.parse((PACKAGING / "jobdesk.spec").read_text("utf-8"))
    assert {"Analysis", "EXE", "COLLECT", "BUNDLE"} <= {
        node.func.id for node in ast.walk(tree_) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    entry = ast.parse((PACKAGING / "entry.py").read_text("utf-8"))
    (own,) = [
        ast.literal_eval(node.value)
        for node in entry.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "OWN_MODULES"
    ]
    for module in own:
        assert (ROOT / "core" / Path(*module.split("."))).with_suffix(".py").is_file()


def test_every_module_that_the_program_starts_is_one_that_the_bundle_knows() -> None:
    entry = (PACKAGING / "entry.py").read_text("utf-8")
    sources = [*(ROOT / "core").rglob("*.py"), *(ROOT / "gui").rglob("*.py")]
    started = {
        name for path in sources for name in re.findall(r'sys\.executable, "-m", "([\w.]+)"', path.read_text("utf-8"))
    }
    assert started and [name for name in started if f'"{name}"' not in entry] == []


def test_nothing_that_the_program_imports_is_left_out_of_the_bundle() -> None:
    recipe = ast.parse((PACKAGING / "jobdesk.spec").read_text("utf-8"))
    (left_out,) = [
        eval(compile(ast.Expression(node.value), "jobdesk.spec", "eval"))
        for node in recipe.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "UNWANTED_MODULES"
    ]
    # The drivers of the extras have a folder of their own; the server of the demo is run, and taken in as files.
    sources = [path for path in (ROOT / "core").rglob("*.py") if "contrib" not in path.parts]
    names = re.compile(
        rf"^\s*(?:from|import) .*\b({'|'.join(name.rpartition('.')[2] for name in left_out)})\b", re.MULTILINE
    )
    imported = {
        (name, path.relative_to(ROOT).as_posix())
        for path in (*sources, *(ROOT / "gui").rglob("*.py"))
        if names.search(text := path.read_text("utf-8"))
        for node in ast.walk(ast.parse(text))
        for name in _imported(node)
    }
    assert [each for each in sorted(imported) if {each[0], each[0].partition(".")[0]} & set(left_out)] == []


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
        return [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return []


def test_every_data_file_of_the_packages_is_in_the_recipe() -> None:
    recipe = (PACKAGING / "jobdesk.spec").read_text("utf-8")
    for package in (jobdesk, jobdesk_core):
        assert package.__file__ is not None
        folder = Path(package.__file__).parent
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc", ".typed"):
                assert path.parent.relative_to(folder.parents[1]).as_posix() in recipe, path


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="needs desktop-file-utils")
def test_the_menu_entry_is_valid() -> None:
    done = subprocess.run(
        ["desktop-file-validate", PACKAGING / "linux" / "jobdesk.desktop"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_menu_entry_starts_what_is_installed_and_belongs_to_the_window() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(PACKAGING / "linux" / "jobdesk.desktop", "utf-8")
    entry = parser["Desktop Entry"]
    assert (entry["Exec"], entry["Icon"], entry["StartupWMClass"]) == ("jobdesk %u", "jobdesk", "jobdesk")
    assert entry["MimeType"] == "x-scheme-handler/jobdesk;"
    assert 'setDesktopFileName("jobdesk")' in (ROOT / "gui" / "jobdesk" / "application.py").read_text("utf-8")
    for action in entry["Actions"].rstrip(";").split(";"):
        assert parser[f"Desktop Action {action}"]["Exec"].startswith("jobdesk --")


def test_the_shops_description_names_the_version_its_news_and_pictures_that_exist() -> None:
    described = ET.fromstring(tree.metainfo())
    newest = described.find("releases/release")
    assert newest is not None and newest.get("version") == TABLE["version"]
    assert len(newest.findall("description/ul/li")) == len(project.news()[1])
    images = [element.text or "" for element in described.iter("image")]
    assert len(images) == len(project.PICTURES)
    for image in images:
        assert (ROOT / "resources" / "pictures" / image.rpartition("/")[2]).is_file()
    assert described.findtext("launchable") == "jobdesk.desktop"


def test_the_manual_knows_every_command_and_option_and_no_other() -> None:
    manual = (PACKAGING / "linux" / "jobdesk.1.in").read_text("utf-8").replace("\\-", "-")
    sections = dict(zip(*[iter(re.split(r"^\.SH (.+)\n", manual, flags=re.M)[1:])] * 2, strict=True))
    assert re.findall(r"^\.TP\n\.\w+ (\w+)", sections["COMMANDS"], re.M) == list(COMMANDS)
    shown = _options("--help")
    assert shown - {"--help"} == set(re.findall(r"--\w[\w-]*", sections["OPTIONS"]))
    of_commands = set[str]().union(
        *(
            _options(name, "--help")
            for name in ("cancel", "worker", "journal", "history", "failures", "locks", "check", "watch", "metrics")
        )
    )
    assert set(re.findall(r"--\w[\w-]*", manual)) <= shown | of_commands
    codes = {value for name, value in vars(codes_of_the_commands).items() if name.isupper() and isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\.TP\n\.B (\d+)", sections["EXIT STATUS"], re.M)} == codes


def _options(*words: str) -> set[str]:
    done = subprocess.run([sys.executable, "-m", "jobdesk", *words], capture_output=True, text=True, check=True)
    return set(re.findall(r"--\w[\w-]*", done.stdout))


def test_the_packages_take_away_what_the_program_puts_outside_a_home() -> None:
    from jobdesk_core import embedded

    outside = re.findall(r'Path\("(/(?!proc/)[^"]+)"\)', Path(embedded.__file__).read_text("utf-8"))
    assert outside == ["/var/lib/jobdesk"]
    assert "rm -rf /var/lib/jobdesk" in (PACKAGING / "linux" / "postrm").read_text("utf-8")
    assert "rm -rf /var/lib/jobdesk" in rpm.SPEC


# Windows and macOS


def test_the_windows_installer_is_told_everything_it_asks_for(tmp_path: Path) -> None:
    (tmp_path / "jobdesk.exe").write_bytes(b"MZ")
    told = {
        word[2:].partition("=")[0]: word.partition("=")[2]
        for word in windows.definitions(tmp_path, tmp_path / "made.exe")
    }
    script = windows.SCRIPT.read_text("utf-8")
    own = set(re.findall(r"!define (\w+)", script))
    asked = set(re.findall(r"\$\{(\w+)\}", script)) - own
    assert asked == set(told)
    assert all(Path(told[name]).exists() for name in ("PAYLOAD", "LICENCE", "ICON"))


def test_whatever_the_windows_installer_writes_its_uninstaller_takes_away() -> None:
    script = windows.SCRIPT.read_text("utf-8")
    install, _, remove = script.partition('Section "Uninstall"')
    for program in re.findall(r'name="(jobdesk[\w-]*)"', (PACKAGING / "jobdesk.spec").read_text("utf-8")):
        assert program == "jobdesk" or f"{program}.exe" in remove
    for shortcut in re.findall(r'CreateShortcut "([^"]+)"', install):
        assert f'Delete "{shortcut}"' in remove
    for key in set(re.findall(r"WriteReg\w+ HKCU (\S+)", install)):
        assert f"DeleteRegKey HKCU {key}" in remove


def test_the_macos_entitlements_are_those_that_python_and_the_lgpl_need() -> None:
    entitlements = plistlib.loads((PACKAGING / "macos" / "entitlements.plist").read_bytes())
    assert all(value is True for value in entitlements.values())
    assert {name.rpartition(".")[2] for name in entitlements} == {
        "allow-unsigned-executable-memory",
        "disable-library-validation",
    }


def test_the_disk_images_settings_run_and_point_at_files_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBDESK_APP", "/Applications/Jobdesk.app")
    monkeypatch.setenv("JOBDESK_PACKAGING", str(PACKAGING))
    settings: dict[str, object] = {}
    exec((PACKAGING / "macos" / "dmg_settings.py").read_text("utf-8"), settings)
    assert set(settings["icon_locations"]) == {"Jobdesk.app", "Applications"}  # type: ignore[call-overload]
    assert Path(str(settings["icon"])).is_file()
    assert "dmg_settings.py" in Path(macos.__file__).read_text("utf-8")


def test_the_icons_hold_every_size_as_a_picture() -> None:
    raw = icons.ICO.read_bytes()
    (count,) = struct.unpack_from("<H", raw, 4)
    sizes = []
    for number in range(count):
        width, *_, length, at = struct.unpack_from("<BBBBHHII", raw, 6 + 16 * number)
        assert raw[at : at + 4] == b"\x89PNG" and at + length <= len(raw)
        sizes.append(width or 256)
    assert tuple(sizes) == icons.ICO_SIZES
    raw = icons.ICNS.read_bytes()
    assert struct.unpack_from(">4sI", raw) == (b"icns", len(raw))
    assert all(name in raw for name in icons.ICNS_SIZES)


# Libraries and licences


def test_a_library_that_this_host_lacks_is_refused_with_the_remedy(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux" or shutil.which("readelf") is None:
        pytest.skip("needs a compiler")
    (tmp_path / "nowhere.c").write_text("int nowhere(void) { return 1; }\n")
    (tmp_path / "user.c").write_text("int nowhere(void); int main(void) { return nowhere(); }\n")
    library = tmp_path / "libnowhere.so.1"
    subprocess.run(
        [compiler, "-shared", "-Wl,-soname,libnowhere.so.1", "-o", library, tmp_path / "nowhere.c"], check=True
    )
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    subprocess.run([compiler, "-o", bundle / "user", tmp_path / "user.c", library], check=True)
    assert "libnowhere.so.1" in libraries.expected(bundle)
    with pytest.raises(project.NotReady, match=r"lacks libraries.*libnowhere\.so\.1.*LIBRARIES_TO_BUILD"):
        libraries.refuse_missing(bundle)
    shutil.copy(library, bundle)
    assert "libnowhere.so.1" not in libraries.expected(bundle)


@pytest.mark.parametrize(
    ("is_root", "apt_get", "complaint"),
    [
        (False, 'echo "$*" >> "$LOG"', "lacks no-such-tool.*sudo apt-get install a-package"),
        (True, None, "lacks no-such-tool.*sudo apt-get install a-package"),
        (True, 'echo "$*" >> "$LOG"', "a-package were installed, and still this machine lacks no-such-tool"),
        (True, 'echo "$*"; exit 100', "apt-get failed with code 100:\ninstall .* a-package"),
        (True, 'echo "$*" >> "$LOG"; cp "$0" "${0%/*}/no-such-tool"', None),
    ],
)
def test_missing_tools_are_named_and_root_has_them_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_root: bool, apt_get: str | None, complaint: str | None
) -> None:
    """The one thing that stands in here is apt-get, which would change the machine."""
    bin_, log = tmp_path / "bin", tmp_path / "log"
    bin_.mkdir()
    (bin_ / "cp").symlink_to(shutil.which("cp") or "")
    if apt_get is not None:
        (bin_ / "apt-get").write_text(f"#!/bin/sh\n{apt_get}\n")
        (bin_ / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_))
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setattr(environment, "is_root", lambda: is_root)
    tools = {"no-such-tool": "a-package", "cp": "coreutils"}
    if complaint is not None:
        with pytest.raises(project.NotReady, match=re.compile(complaint, re.DOTALL)):
            environment.need(tools)
    else:
        environment.need(tools)
    commands = log.read_text().splitlines() if log.exists() else []
    may = is_root and apt_get is not None and "exit" not in apt_get
    assert commands == (["update -qq", "install -y -qq --no-install-recommends a-package"] if may else [])


@pytest.mark.skipif(sys.platform != "linux", reason="looks into the loader's cache")
def test_a_missing_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "is_root", lambda: False)
    environment.need({"libc.so.6": "libc6"})
    with pytest.raises(project.NotReady, match=r"lacks libnowhere\.so\.1\. .*sudo apt-get install libnowhere1"):
        environment.need({"libc.so.6": "libc6", "libnowhere.so.1": "libnowhere1"})


def test_every_text_that_the_table_of_licences_names_is_there() -> None:
    table = tomllib.loads((PACKAGING / "licences" / "components.toml").read_text("utf-8"))
    for entry in table["component"]:
        assert entry["licence"] and entry["files"]
        for name in entry["text"]:
            assert len((PACKAGING / "licences" / name).read_text("utf-8")) > 500


def test_debian_is_pointed_at_its_own_copies_and_the_others_get_the_texts() -> None:
    texts = [(PACKAGING / "licences" / name).read_text("utf-8") for name in ("LGPL-3.0.txt", "Apache-2.0.txt")]
    components = [Component("thing", "1", "both", "generic", texts)]
    assert all(text.strip() in licences.notices(components) for text in texts)
    shorter = licences.debian_copyright(components)
    assert "/usr/share/common-licenses/LGPL-3" in shorter and "/usr/share/common-licenses/Apache-2.0" in shorter
    assert not any(text.strip() in shorter for text in texts)
    assert "MIT License" in shorter


def test_the_bill_of_materials_tells_of_what_wheels_hold_and_not_of_what_is_left_out(tmp_path: Path) -> None:
    inner = [{"type": "library", "name": name, "version": "1"} for name in ("a_wheel", "openssl", "readline")]
    (tmp_path / "bill.json").write_text(json.dumps({"components": inner}))
    bill = json.loads(sbom.document([Component("a-wheel", "2", "MIT", "pypi", sboms=[tmp_path / "bill.json"])]))
    assert {each["name"]: each["version"] for each in bill["components"]} == {"a-wheel": "2", "openssl": "1"}


# The locks


QT_NOTICES = (PACKAGING / "licences" / "Qt-third-party.txt").read_text("utf-8")


def test_qts_notices_are_those_of_the_qt_that_is_locked() -> None:
    noted = re.search(r"qtbase\S*-(\d+\.\d+)\.\d+", QT_NOTICES)
    locked = re.search(r"^pyside6-essentials==(\d+\.\d+)", (ROOT / "requirements.lock").read_text("utf-8"), re.M)
    assert noted is not None and locked is not None and noted[1] == locked[1]
    for held in ("PCRE2", "HarfBuzz", "Freetype 2", "LibPNG", "LibJPEG-turbo", "MD4C", "zlib", "Unicode", "TinyCBOR"):
        assert held in QT_NOTICES


def test_no_notice_of_qt_is_lost_where_debian_is_pointed_at_its_own_copies() -> None:
    text = licences.debian_copyright([Component("Qt", "6", "LGPL-3.0-only", "generic", [QT_NOTICES])])
    heading = re.compile(r"^-{78}\n(.+)\n", re.M)
    assert heading.findall(text) == heading.findall(QT_NOTICES) and len(heading.findall(text)) > 50
    assert "TERMS AND CONDITIONS FOR COPYING" not in text and "675 Mass Ave" not in text


@pytest.mark.parametrize("words", ["http", "--index-url", "--extra-index-url", "--find-links", "file:", "@ "])
def test_the_builds_lock_names_no_place_to_fetch_from(words: str) -> None:
    text = (PACKAGING / "requirements-build.lock").read_text("utf-8")
    assert [line for line in text.splitlines() if words in line] == []


def test_both_locks_agree_and_the_builds_has_a_hash_for_every_package() -> None:
    pins: list[dict[str, str]] = []
    for lock in environment.LOCKS:
        text = lock.read_text("utf-8").replace("\\\n", " ")
        entries = [line for line in text.splitlines() if "==" in line.partition("#")[0]]
        assert entries and all("--hash=sha256:" in entry for entry in entries)
        pins.append(dict(entry.split()[0].split("==") for entry in entries))
    runtime, build = pins
    assert {name for name in runtime.keys() & build.keys() if runtime[name] != build[name]} == set()
    wanted = re.findall(r"^([a-z][\w-]*)", (PACKAGING / "requirements-build.in").read_text("utf-8"), re.MULTILINE)
    assert set(wanted) <= set(build)

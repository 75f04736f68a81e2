"""The files below hw/: complete, of one schema, and true where this machine can tell."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from pinnacle.errors import ConfigError
from pinnacle.host.knowledge import (
    NicProfile,
    knowledge,
    read_knowledge,
    version_pair,
)

ROOT = Path(__file__).resolve().parents[2]
HW = ROOT / "hw"
IDS = Path("/usr/share/misc/pci.ids")


def test_all_files_are_read() -> None:
    known = read_knowledge(HW)
    assert set(known.nics) == {path.stem for path in (HW / "nics").glob("*.yaml")}
    assert {"e1000e", "igb", "ixgbe", "i40e", "ice", "mlx5", "ena", "gve", "virtio_net",
            "veth"} <= set(known.nics)  # fmt: skip
    assert known.ptp.limits.rts25_us == 100


def test_installed_files_are_these() -> None:
    assert knowledge() == read_knowledge(HW), "scripts/setup.sh installs them anew"


def test_every_fact_has_a_source() -> None:
    known = read_knowledge(HW)
    assert [n for n, nic in known.nics.items() if not nic.sources] == []
    without = {n for n, point in known.host.points.items() if not point.sources}
    assert without <= {"nic.found", "nic.link"}, "these two are plain observation"


def test_profiles_are_found() -> None:
    known = knowledge()
    found = known.by_pci_id("8086", "10d3")
    assert found is not None and (found.name, found.pmd) == ("e1000e", "net_e1000_em")
    mlx5 = known.by_driver("mlx5_core")
    assert mlx5 is not None and mlx5.bind == "kernel"
    assert known.by_pci_id("ffff", "0000") is None


def pci_names() -> dict[str, str]:
    names, vendor = {}, ""
    for line in IDS.read_text(errors="replace").splitlines():
        found = re.match(r"^(\t?)([0-9a-f]{4})  (.*)", line)
        if found and not found[1]:
            vendor = found[2]
        elif found:
            names[f"{vendor}:{found[2]}"] = found[3]
    return names


def test_ids_are_what_they_are_called() -> None:
    """Against the public list of PCI ids, where the package pci.ids is installed."""
    if not IDS.is_file():
        pytest.skip("pci.ids is not installed (scripts/setup.sh test installs it)")
    names = pci_names()
    wrong = []
    for nic in knowledge().nics.values():
        for number, label in nic.ids.items():
            public = names.get(number)
            first = str(label).split()[0].split("/")[0].rstrip(",")
            model = re.sub(r"\W|virtio|ENA", "", first).lower()
            if public is not None and model not in re.sub(r"\W", "", public).lower():
                wrong.append(f"{nic.name}: {number} {label}: {public}")
    assert wrong == []


@pytest.mark.parametrize(
    ("kernel", "version", "expected"),
    [("5.4", "", False), ("5.5", "", True), ("6.1", "", True), ("10.0", "", True)],
)
def test_zerocopy_by_kernel(kernel: str, version: str, expected: bool) -> None:
    assert knowledge().nics["ice"].zerocopy(version_pair(kernel), version) is expected


def test_zerocopy_by_driver() -> None:
    ena = knowledge().nics["ena"]
    assert ena.zerocopy((6, 8), "2.13.3g") is True
    assert ena.zerocopy((6, 8), "2.9.1g") is False
    assert ena.zerocopy((6, 8), "6.8.0-1009-aws") is False


def test_versions() -> None:
    assert version_pair("6.1.0-13-amd64") == (6, 1)
    assert version_pair("6.18.44-fc-v595") == (6, 18)
    assert version_pair("5") == (5, 0)
    assert version_pair("") == (0, 0)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("name: ice", "name: other"), "must be ice"),
        (("bind: vfio-pci", "bind: glue"), "ice.yaml: bind"),
        (("driver: ice", "driver: ice\nwheels: 4"), "ice.yaml: wheels"),
        (("max_mtu: 3046", "max_mtu: 20"), "ice.yaml: xdp.max_mtu"),
        (('"8086:1592"', '"8086:1572"'), "is in i40e.yaml already"),
        (("ids:", "ids: ["), "ice.yaml"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    shutil.copytree(HW, tmp_path / "hw")
    path = tmp_path / "hw/nics/ice.yaml"
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    # Read in the order of names: the first file that has an id keeps it.
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        read_knowledge(tmp_path / "hw")


def test_ids_can_be_found_by_a_script() -> None:
    """One id a line, quoted, so that grep finds the profile of a device."""
    for path in (HW / "nics").glob("*.yaml"):
        profile = NicProfile.model_validate(yaml.safe_load(path.read_text()))
        lines = re.findall(r'^  "([0-9a-f]{4}:[0-9a-f]{4})": ', path.read_text(), re.M)
        assert lines == list(profile.ids)

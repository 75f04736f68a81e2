"""Tests on real interfaces: veth pairs between network namespaces that each test makes."""

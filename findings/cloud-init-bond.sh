#!/usr/bin/env bash
# cloud-init drops a bond's LACP rate and hash policy: of a network-config of version 2 in
# NetworkManager's profile, of one of version 1 in the ifcfg file.
#
# Expected: the same bond comes of both versions, each written as its schema has it, with
# either of the two renderers of the RHEL family.
# What happens: version 2 becomes keys with dashes, which NetworkManager's table asks for
# with underscores; version 1's schema has underscores (bond-lacp_rate), and the ifcfg table
# asks for dashes. What is not found is left out without a word, and the bond comes up with
# the kernel's defaults: a slow rate, and a hash of MAC addresses. An image that moves from
# one renderer to the other with the next release loses what it had.
#
# Exits with 1 when that changes. Wants Python 3, ca-certificates and Debian 12's apt-get;
# Debian 13's packages come from the same archive.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p apt/lists/partial apt/cache/archives/partial new
# The site is the one that this machine's sources name.
site=$(apt-get indextargets --format "\$(SITE)" | grep '/debian/*$' | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site trixie main" >apt/sources.list
trixie() {
	apt-get -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/none \
		-o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User=root "$@" >/dev/null
}
version=25.1.4-1+deb13u1
trixie update
(cd new && trixie download "cloud-init=$version" python3-yaml python3-requests python3-urllib3 python3-idna python3-certifi \
	python3-configobj python3-jinja2 python3-markupsafe python3-chardet)
for package in new/*.deb; do dpkg -x "$package" new; done
export PYTHONPATH=$work/new/usr/lib/python3/dist-packages
echo "cloud-init $(dpkg-deb -f new/cloud-init_*.deb Version)"

cat >2.yaml <<'END'
version: 2
ethernets: {eth0: {}, eth1: {}}
bonds:
  bond0:
    interfaces: [eth0, eth1]
    dhcp4: true
    parameters: {mode: 802.3ad, mii-monitor-interval: 100, up-delay: 200, lacp-rate: fast, transmit-hash-policy: layer3+4}
END
cat >1.yaml <<'END'
version: 1
config:
- {type: physical, name: eth0}
- {type: physical, name: eth1}
- type: bond
  name: bond0
  bond_interfaces: [eth0, eth1]
  params: {bond-mode: 802.3ad, bond-miimon: 100, bond-updelay: 200, bond-lacp_rate: fast, bond-xmit_hash_policy: layer3+4}
  subnets: [{type: dhcp4}]
END
cat >render.py <<'END'
import sys, yaml
from cloudinit.net import network_manager, network_state, sysconfig
state = network_state.parse_net_config_data(yaml.safe_load(open(sys.argv[1])))
network_manager.Renderer().render_network_state(state, target="nm")
base = "%(base)s/network-scripts/"
sysconfig.Renderer({
    "control": "etc/sysconfig/network",
    "iface_templates": base + "ifcfg-%(name)s",
    "route_templates": {"ipv4": base + "route-%(name)s", "ipv6": base + "route6-%(name)s"},
}).render_network_state(state, target="ifcfg")
END

schema=$PYTHONPATH/cloudinit/config/schemas/schema-network-config-v1.json
echo "in the schema of version 1: $(grep -o 'bond-\(lacp\|xmit\)[-_a-z]*' "$schema" | sort -u | paste -sd ' ')"
for number in 1 2; do
	rm -rf nm ifcfg
	mkdir nm ifcfg
	python3 render.py $number.yaml
	profile[number]=$(grep -E '^(xmit_hash_policy|updelay|lacp_rate)=' nm/etc/NetworkManager/system-connections/cloud-init-bond0.nmconnection | sort | paste -sd ' ')
	ifcfg[number]=$(sed -n 's/^BONDING_OPTS=//p' ifcfg/etc/sysconfig/network-scripts/ifcfg-bond0 | grep -oE '(xmit_hash_policy|updelay|lacp_rate)=[a-z0-9+]*' | sort | paste -sd ' ')
	echo "version $number, NetworkManager: ${profile[number]}"
	echo "version $number, ifcfg:          ${ifcfg[number]}"
done
all='lacp_rate=fast updelay=200 xmit_hash_policy=layer3+4'
[ "${profile[1]}, ${ifcfg[1]}" = "$all, updelay=200" ]
[ "${profile[2]}, ${ifcfg[2]}" = "updelay=200, $all" ]
grep -q bond-lacp_rate "$schema"

# SPDX-License-Identifier: Apache-2.0
"""The bill of materials of a build: CycloneDX 1.5 as JSON, the same bytes for the same inputs."""
import json
import os
import uuid

import debian

SPEC = "1.5"
NAMESPACE = uuid.UUID("6c657468-6500-5000-8000-626f6d000000")  # of serial numbers


def purl(package):
    return f"pkg:deb/debian/{package.name}@{package.version.replace('+', '%2B').replace('~', '~')}" \
           f"?arch={package.architecture}&distro=debian-12"


def closure(libraries):
    """Every file that these libraries bring into a process, by soname."""
    files = {}
    for path in map(os.path.realpath, libraries):
        files[debian.soname(path)] = path
        files.update(debian.loaded(path))
    return files


def by_package(files):
    """Package -> its files, as {soname: file}."""
    owner = debian.owners(files.values())
    installed = debian.packages(set(owner.values()))
    found = {}
    for name, path in sorted(files.items()):
        found.setdefault(installed[owner[path]], {})[name] = path
    return found


def library_component(package, files, entry):
    return {
        "type": "library", "bom-ref": purl(package), "name": package.name, "version": package.version,
        "licenses": [{"expression": entry.licence}], "purl": purl(package),
        "properties": [{"name": "lethe:linked", "value": "dynamic"},
                       {"name": "lethe:source", "value": f"{package.source} {package.source_version}"}],
        "components": [{"type": "file", "bom-ref": f"{purl(package)}#{name}", "name": name,
                        "hashes": [{"alg": "SHA-256", "content": debian.sha256(path)}]}
                       for name, path in sorted(files.items())],
    }


def bundled_component(entry, source):
    """What npm brought, as its lock file has it."""
    return {
        "type": "library", "bom-ref": f"pkg:npm/{entry.package}@{entry.version}", "name": entry.package,
        "version": entry.version, "licenses": [{"expression": entry.licence}],
        "purl": f"pkg:npm/{entry.package}@{entry.version}",
        "properties": [{"name": "lethe:linked", "value": "embedded"}, {"name": "lethe:source", "value": source}],
    }


def dependencies(packages, root, direct):
    """Who asks for whom, by what stands in the files themselves."""
    of_name = {name: purl(package) for package, files in packages.items() for name in files}
    graph = [{"ref": root, "dependsOn": sorted({of_name[name] for name in direct if name in of_name})}]
    for package, files in packages.items():
        wanted = {of_name[name] for path in files.values() for name in debian.needed(path) if name in of_name}
        graph.append({"ref": purl(package), "dependsOn": sorted(wanted - {purl(package)})})
    return sorted(graph, key=lambda entry: entry["ref"])


def make(build, libraries, lock):
    """build: name, version, commit, date, compiler, flags, system. lock: package name -> its entry."""
    packages = by_package(closure(libraries))
    missing = sorted(package.name for package in packages if package.name not in lock)
    if missing:
        raise debian.Fault(f"linked, but not in supply/deps.lock: {', '.join(missing)}")
    root = f"pkg:generic/lethe@{build['version']}"
    components = [library_component(package, files, lock[package.name]) for package, files in packages.items()]
    components += [bundled_component(entry, "npm") for entry in lock.values() if entry.how == "embedded"
                   and build["page"]]
    bom = {
        "bomFormat": "CycloneDX", "specVersion": SPEC, "version": 1,
        "metadata": {
            "timestamp": f"{build['date']}T00:00:00Z",
            "tools": {"components": [{"type": "application", "name": build["compiler"],
                                      "version": build["compiler_version"],
                                      "properties": [{"name": "lethe:flags", "value": build["flags"]}]}]},
            "component": {"type": "application", "bom-ref": root, "name": "lethe", "version": build["version"],
                          "licenses": [{"expression": "Apache-2.0"}], "purl": root,
                          "properties": [{"name": "lethe:commit", "value": build["commit"]},
                                         {"name": "lethe:system", "value": build["system"]}]},
        },
        "components": sorted(components, key=lambda component: component["bom-ref"]),
        "dependencies": dependencies(packages, root, [debian.soname(path) for path in libraries]),
    }
    text = json.dumps(bom, sort_keys=True)
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(NAMESPACE, text)}"
    return bom


def files_of(bom):
    return {file["name"] for component in bom["components"] for file in component.get("components", [])}


def unlisted(bom, program):
    """Libraries that the loader brings in for the program and the bill does not have."""
    return sorted(set(debian.loaded(program)) - files_of(bom))

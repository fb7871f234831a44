"""The real Home Assistant, in its own Python: starts with an entry for a broker, and writes down what it knows.

HOME_ASSISTANT_PYTHON names a Python in which `pip install homeassistant` was done.

python home_assistant.py FOLDER PORT
"""

import json
import os
import signal
import subprocess
import sys

ENTRY = {
    "created_at": "2024-01-01T00:00:00+00:00", "modified_at": "2024-01-01T00:00:00+00:00", "disabled_by": None,
    "discovery_keys": {}, "domain": "mqtt", "entry_id": "a" * 32, "minor_version": 2, "options": {}, "version": 1,
    "pref_disable_new_entities": False, "pref_disable_polling": False, "source": "user", "title": "broker",
    "unique_id": None, "subentries": [],
}  # fmt: skip


class HomeAssistant:
    """A context manager: it runs, and has connected to the broker."""

    def __init__(self, folder, port):
        self._dump = os.path.join(str(folder), "dump.json")
        os.makedirs(os.path.join(str(folder), ".storage"))
        entry = dict(ENTRY, data={"broker": "127.0.0.1", "port": port, "discovery": True})
        stored = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}
        with open(os.path.join(str(folder), ".storage", "core.config_entries"), "w") as file:
            json.dump(stored, file)
        open(os.path.join(str(folder), "configuration.yaml"), "w").close()
        command = [os.environ["HOME_ASSISTANT_PYTHON"], os.path.abspath(__file__), str(folder)]
        with open(os.path.join(str(folder), "log"), "wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def states(self):
        """The states of all entities by their id; empty before it runs."""
        return self._read().get("states", {})

    def devices(self):
        """Name, maker, model, version and link of each device."""
        return self._read().get("devices", [])

    def _read(self):
        assert self._process.poll() is None, "Home Assistant ended"
        try:
            with open(self._dump) as file:
                return json.load(file)
        except OSError:
            return {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


async def main(folder):
    """Run it, and write down its states twice a second."""
    import asyncio

    from homeassistant import bootstrap
    from homeassistant.helpers import device_registry
    from homeassistant.runner import RuntimeConfig

    hass = await bootstrap.async_setup_hass(RuntimeConfig(config_dir=folder, skip_pip=False))
    await hass.async_start()
    while True:
        states = {state.entity_id: state.state for state in hass.states.async_all()}
        devices = [
            [one.name, one.manufacturer, one.model, one.sw_version, one.configuration_url]
            for one in device_registry.async_get(hass).devices.values()
        ]
        with open(folder + "/dump.json.new", "w") as file:
            json.dump({"states": states, "devices": devices}, file)
        os.replace(folder + "/dump.json.new", folder + "/dump.json")
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    import asyncio

    asyncio.run(main(sys.argv[1]))

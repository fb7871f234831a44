"""The output of ansible-playbook: a table as text, a failure as one line, and the rest as usual."""

from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = """
name: fleet
type: stdout
short_description: tables and failures without JSON
extends_documentation_fragment:
  - default_callback
requirements:
  - set as stdout_callback
"""


class CallbackModule(Default):
    """Prints only the message of a task called `Table`, and of a failed task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "fleet"

    def v2_runner_on_ok(self, result):
        if result._task.get_name().split(" : ")[-1] == "Table":
            self._display.display(result._result["msg"])
        else:
            super().v2_runner_on_ok(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        said = str(result._result.get("msg", "")).strip()
        # A command's own words are better than Ansible's `non-zero return code`. In a terminal, which a script gets on
        # a board, standard error is in its output.
        lines = (str(result._result.get("stdout", "")) + "\n" + str(result._result.get("stderr", ""))).splitlines()
        errors = [line for line in lines if line.startswith("error: ")] or [line for line in lines if line.strip()]
        if said.startswith("non-zero return code") and errors:
            said = errors[-1].strip()
        self._display.display("{}: FAILED: {}".format(result._host.get_name(), said), color="red", stderr=True)

    def v2_runner_on_unreachable(self, result):
        said = " ".join(str(result._result.get("msg", "")).split())
        self._display.display("{}: UNREACHABLE: {}".format(result._host.get_name(), said), color="red", stderr=True)

"""The examples of the client's docs fit its types."""

import re
import subprocess

from tests.package.conftest import NODE_MODULES, ROOT, Consumer

PRELUDE = """
import { createDurably, type Durably } from 'durably'

declare module 'durably' {
  interface Register {
    jobs: { 'import-csv': { input: { filename: string }; output: { imported: number } } }
  }
}
declare const durably: Durably
"""
OPTIONS = ["--noEmit", "--strict", "--target", "es2023", "--module", "esnext", "--moduleResolution", "bundler"]


def test_examples_of_the_client_fit_its_types(consumer: Consumer) -> None:
    page = (ROOT / "docs" / "client.md").read_text("utf-8")
    blocks = re.findall(r"^```ts\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 3
    code = "\n".join(blocks).replace("import { createDurably } from 'durably'\n", "")
    file = consumer.write("src/docs.ts", PRELUDE + code)
    command = [str(NODE_MODULES / ".bin/tsc"), *OPTIONS, str(file)]
    done = subprocess.run(command, cwd=consumer.folder, capture_output=True, text=True, check=False)
    assert done.stdout == ""
    file.write_text(file.read_text("utf-8").replace("{ filename: 'a.csv' }", "{ file: 'a.csv' }"), "utf-8")
    assert subprocess.run(command, cwd=consumer.folder, capture_output=True, check=False).returncode != 0

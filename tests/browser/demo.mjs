// Plays `clyra demo` and leaves it up: the pages under test are those of the real stack.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = new URL("../../", import.meta.url).pathname;
const PLAY_SECONDS_MAX = 300;

/** The week's summary, every change with its page, and how to stop the stack. */
export async function playDemo() {
  const binary = process.env.CLYRA_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/clyra");
  if (!existsSync(binary)) throw new Error(`${binary} is not there: run cargo build --bin clyra, or tests/run`);
  const out = mkdtempSync(join(tmpdir(), "clyra-browser-"));
  const child = spawn(binary, ["demo", "--json", "--out", join(out, "demo")], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (text) => (log = (log + text).slice(-20_000)));
  const stop = () =>
    new Promise((resolve) => {
      child.once("exit", resolve);
      if (child.exitCode !== null) resolve();
      child.kill("SIGINT");
      setTimeout(() => child.kill("SIGKILL"), 15_000).unref();
    }).then(() => rmSync(out, { recursive: true, force: true }));

  const changes = new Map();
  const summary = await new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`the demo was not played in ${PLAY_SECONDS_MAX} s:\n${log}`)), PLAY_SECONDS_MAX * 1000);
    child.once("exit", (code) => reject(new Error(`clyra demo ended with ${code}:\n${log}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const told = JSON.parse(line);
      if (told.event === "change") changes.set(told.changeId, told);
      if (told.bundleId && told.verifyUrl && !told.event) {
        clearTimeout(limit);
        resolve(told);
      }
    });
  }).catch(async (error) => {
    await stop();
    throw error;
  });
  return { summary, changes: [...changes.values()], origin: new URL(summary.verifyUrl).origin, stop };
}

// SPDX-License-Identifier: Apache-2.0
// What the browser tests stand on: a browser, codes as an authenticator makes them, and checks.
import { createRequire } from "node:module";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";

export const rig = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const require = createRequire(path.join(rig.modules, "x.js"));
const { chromium } = require("playwright-core");
export const axeSource = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const base32 = (text) => {
  const bits = [...text].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
};

// RFC 6238.
const codeAt = (uri, step) => {
  const secret = new URL(uri.replace("otpauth:", "http:")).searchParams.get("secret");
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(step));
  const digest = crypto.createHmac("sha1", base32(secret)).update(count).digest();
  const at = digest[19] & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, "0");
};

const used = {};

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// One that was not used yet: each works once.
export const code = async (role, place = rig) => codeOf(place.uris[role]);

export const codeOf = async (uri) => {
  for (let tries = 0; tries < 400; tries++) {
    const now = Math.floor(Date.now() / 30000);
    // The step's before ends with this one: late in this one it could be over before it is sent.
    const oldest = Date.now() % 30000 < 15000 ? now - 1 : now;
    const step = Math.max(oldest, (used[uri] ?? 0) + 1);
    if (step <= now) {
      used[uri] = step;
      return codeAt(uri, step);
    }
    await sleep(100);
  }
  throw new Error("no code came in time");
};

export const check = (condition, message) => {
  if (!condition)
    throw new Error(message);
};

export const equal = (got, wanted, what) =>
  check(JSON.stringify(got) === JSON.stringify(wanted), `${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);

export const browser = await chromium.launch({
  executablePath: rig.chromium,
  args: process.getuid() === 0 ? ["--no-sandbox", "--disable-gpu"] : ["--disable-gpu"],
});

// A context whose pages are watched: what a page complains of is a failure.
export const open = async (options = {}) => {
  const context = await browser.newContext({ locale: "en", viewport: { width: 1280, height: 900 }, ...options });
  const complaints = [];
  context.on("page", (page) => {
    page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
    page.on("dialog", (dialog) => {
      complaints.push(`${page.url()}: a dialog`);
      return dialog.dismiss();
    });
    page.on("console", (message) => {
      if (message.type() === "error" && !/status of (4\d\d|503)/.test(message.text()))
        complaints.push(`${page.url()}: ${message.text()}`);
    });
  });
  const page = await context.newPage();
  return { context, page, complaints };
};

// Signed in; one session a role is enough for most tests, since each code works once.
const sessions = {};

export const signIn = async (page, role, place = rig) => {
  await page.goto(`${place.origin}/ui/sign-in`);
  await page.fill("#token", place.tokens[role]);
  await page.fill("#code", await code(role, place));
  await page.click("main button");
  check(!page.url().includes("sign-in"), `${role} is signed in: ${page.url()}`);
};

export const as = async (role, options = {}, place = rig) => {
  const opened = await open(options);
  const key = place.tokens[role];
  if (sessions[key] !== undefined) {
    await opened.context.addCookies(sessions[key]);
    await opened.page.goto(`${place.origin}/ui/requests`);
  }
  // A code that was used gave the session another id; or it was ended.
  if (sessions[key] === undefined || opened.page.url().includes("sign-in")) {
    await signIn(opened.page, role, place);
    sessions[key] = await opened.context.cookies();
  }
  return opened;
};

// Of the server with a few requests; each in a state of its own.
export const PAGES = [...rig.pages, "/ui/retention/email", "/ui/requests?state=all", "/ui/requests/1", "/ui/requests/2",
  "/ui/requests/4", "/ui/proposals/1", "/ui/proposals/2", "/ui/proposals/3", "/ui/holds/1", "/ui/tokens?show=all", "/ui/tokens/2", "/ui/nothing"];
// Of the server with a history, for an officer, who begins nothing.
export const HISTORY_PAGES = [...rig.pages.filter((path) => !/\/(new|appoint)$/.test(path)), "/ui/retention/visit", "/ui/retention/note", "/ui/requests?state=all"];

const tests = [];
export const test = (name, run) => tests.push({ name, run });

export const runAll = async () => {
  let passed = 0, failed = 0;
  const wanted = tests.filter(({ name }) => rig.patterns.length === 0 || rig.patterns.some((p) => name.includes(p)));
  for (const { name, run } of wanted) {
    const started = Date.now();
    try {
      await run();
      passed++;
      console.log(`ok    ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed++;
      console.log(`FAIL  ${name}\n    ${String(error.stack).replaceAll("\n", "\n    ")}`);
    }
    for (const context of browser.contexts())
      await context.close();
  }
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 || passed === 0 ? 1 : 0);
};

// SPDX-License-Identifier: Apache-2.0
// The data officer's pages in a browser. tests/browser/run starts the server and this.
import fs from "node:fs";
import http from "node:http";
import { HISTORY_PAGES, PAGES, as, axeSource, check, code, codeOf, equal, open, rig, runAll, signIn, test } from "./lib.mjs";

const LANGUAGES = ["en", "de"];
const go = (page, path) => page.goto(rig.origin + path);

const language = async (page, lang, place = rig) => {
  await page.goto(`${place.origin}/ui/requests`);
  if (await page.getAttribute("html", "lang") !== lang)
    await page.click(`form[action="/ui/language"] button[value="${lang}"]`);
  equal(await page.getAttribute("html", "lang"), lang, "language");
};

// WCAG 2.2 A and AA, as far as a program can tell.
const axe = async (page, what) => {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
  }));
  const said = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`);
  equal(said, [], what);
  check(found.passes.length > 10, `${what}: axe looked at it`);
};

test("signing in by keyboard alone, and pasting", async () => {
  const { page, complaints } = await open();
  await go(page, "/ui/retention");
  await page.keyboard.press("Tab");
  equal(await page.evaluate(() => document.activeElement.className), "skip", "the first stop");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  equal(await page.evaluate(() => document.activeElement.id), "token", "behind the skipped");
  await page.keyboard.insertText("lta_wrong");
  await page.keyboard.press("Tab");
  await page.keyboard.insertText("000000");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]");
  equal(await page.getAttribute("#token", "aria-invalid"), "true", "the field says so, too");
  await page.evaluate(([token]) => {
    const field = document.getElementById("token");
    const data = new DataTransfer();
    data.setData("text/plain", token);
    const went = field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    if (!went)
      throw new Error("pasting was hindered");
  }, [rig.tokens.auditor]);
  await page.focus("#token");
  await page.keyboard.insertText(rig.tokens.auditor);
  await page.keyboard.press("Tab");
  await page.keyboard.insertText(await code("auditor"));
  await page.keyboard.press("Enter");
  await page.waitForURL("**/ui/retention");
  await page.click(".who summary");
  await page.click("form[action='/ui/sign-out'] button >> visible=true");
  await page.waitForURL("**/ui/sign-in");
  await go(page, "/ui/");
  check(page.url().includes("/ui/sign-in"), "signed out");
  equal(complaints, [], "complaints");
});

for (const lang of LANGUAGES) {
  test(`every page passes axe (${lang})`, async () => {
    for (const colorScheme of lang === "en" ? ["light", "dark"] : ["light"]) {
      const { page, complaints } = await as("operator", { colorScheme });
      await language(page, lang);
      for (const path of PAGES) {
        await go(page, path);
        await axe(page, `${path} ${lang} ${colorScheme}`);
      }
      equal(complaints, [], "complaints");
    }
  });
}

test("the page to sign in passes axe", async () => {
  for (const lang of LANGUAGES) {
    const { page, complaints } = await open();
    await go(page, `/ui/sign-in?lang=${lang}`);
    await axe(page, lang);
    equal(complaints, [], "complaints");
  }
});

test("nothing is lost at 320 pixels or 400 per cent", async () => {
  const { page } = await as("operator", { viewport: { width: 320, height: 640 } });
  for (const lang of LANGUAGES) {
    await language(page, lang);
    for (const path of PAGES) {
      await go(page, path);
      await page.evaluate(() => { document.querySelectorAll("details").forEach((d) => { d.open = true; }); });
      const [wide, inside, which] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth,
        [...document.querySelectorAll("main *")].filter((e) => !e.closest(".table") && e.getBoundingClientRect().right > innerWidth)
          .map((e) => e.outerHTML.slice(0, 80))]);
      check(wide <= inside, `${path} ${lang} is ${wide} pixels wide: ${which}`);
      const hidden = await page.evaluate(() => [
        ...[...document.querySelectorAll("caption")].filter((c) => c.getBoundingClientRect().right > c.closest(".table").getBoundingClientRect().right + 1),
        ...[...document.querySelectorAll(".table:not(:has(tbody tr))")].filter((t) => t.getBoundingClientRect().height > 0),
        ...[...document.querySelectorAll("[type=checkbox]")].filter((c) => c.offsetWidth > 0 && c.offsetWidth < 20)].map((e) => e.outerHTML.slice(0, 80)));
      equal(hidden, [], `${path} ${lang}: captions that are cut, tables without rows, small boxes`);
    }
  }
});

test("no table is cut off on paper", async () => {
  // A4 across without its margins
  for (const [role, place, paths] of [["officer", rig.history, HISTORY_PAGES], ["operator", rig, PAGES]]) {
    const { page } = await as(role, { viewport: { width: 1030, height: 700 } }, place);
    for (const lang of LANGUAGES) {
      await language(page, lang, place);
      for (const path of paths) {
        await page.goto(place.origin + path);
        await page.emulateMedia({ media: "print" });
        const cut = await page.evaluate(() => [...document.querySelectorAll("table")]
          .filter((t) => t.getBoundingClientRect().right > innerWidth)
          .map((t) => `${t.caption?.textContent ?? t.textContent.slice(0, 60)} ${t.getBoundingClientRect().right}`));
        equal(cut, [], `${path} ${lang}`);
        await page.emulateMedia({ media: "screen" });
      }
    }
  }
});

test("the audit trail, which is for others, passes axe and fits", async () => {
  const { page, complaints } = await as("officer", { viewport: { width: 320, height: 640 } });
  for (const lang of LANGUAGES) {
    await language(page, lang);
    for (const path of ["/ui/audit", "/ui/audit?action=read"]) {
      await go(page, path);
      check(await page.locator("tbody tr").count() > 0, `${path} has records`);
      await axe(page, `${path} ${lang}`);
      check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} ${lang} fits`);
    }
  }
  equal(complaints, [], "complaints");
});

test("an erasure is proposed and approved by keyboard alone", async () => {
  const { page, complaints } = await as("operator");
  await language(page, "en");
  await go(page, "/ui/erasures/new");
  await page.focus("#subject");
  await page.keyboard.insertText("p7");
  await page.keyboard.press("Enter");
  await page.waitForURL(/erasures\/new\/\d+\.[0-9a-f]+$/);
  check(!(await page.content()).includes("p7"), "from here on it is a random id");
  await page.focus("#reference");
  await page.keyboard.insertText("DSB-7");
  await page.keyboard.press("Enter");
  await page.waitForURL(/proposals\/\d+$/);
  check(await page.locator("#code-approve").count() === 0, "nobody approves their own");
  const approver = await as("approver");
  await approver.page.goto(page.url());
  check((await approver.page.textContent("main")).includes("DSB-7"), "what is proposed");
  await axe(approver.page, "an approver's proposal");
  await approver.page.focus("#code-approve");
  await approver.page.keyboard.insertText(await code("approver"));
  await approver.page.keyboard.press("Enter");
  await approver.page.waitForSelector("[role=status]");
  check((await approver.page.textContent(".answer")).includes("carried out"), "it is done");
  equal([...complaints, ...approver.complaints], [], "complaints");
});

// The dark modules of a page's QR code, as it says where they are.
const modules = (page) => page.evaluate(() => {
  const size = Number(document.querySelector(".qr").getAttribute("viewBox").split(" ")[2]);
  const rows = Array.from({ length: size }, () => Array(size).fill(false));
  for (const [, x, y, run] of document.querySelector(".qr path").getAttribute("d").matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
    rows[y].fill(true, Number(x), Number(x) + Number(run));
  return rows;
});

test("two people appoint an operator, who signs in, by keyboard alone", async () => {
  const operator = await as("operator"), approver = await as("approver");
  await language(operator.page, "en");
  await language(approver.page, "en");
  await go(operator.page, "/ui/tokens");
  await operator.page.focus("a[href='/ui/tokens/appoint']");
  await operator.page.keyboard.press("Enter");
  await operator.page.waitForSelector("#name");
  await operator.page.focus("#name");
  await operator.page.keyboard.insertText("anna");
  await operator.page.keyboard.press("Enter");
  await operator.page.waitForURL(/proposals\/\d+$/);
  await approver.page.goto(operator.page.url());
  await axe(approver.page, "an appointment");
  await approver.page.focus("#code-approve");
  await approver.page.keyboard.insertText(await code("approver"));
  await approver.page.keyboard.press("Enter");
  await approver.page.waitForSelector("[role=status]");
  await approver.page.click("dl.facts a[href^='/ui/tokens/']");
  await approver.page.waitForURL(/tokens\/\d+$/);
  const here = approver.page.url();

  await operator.page.goto(here);
  await axe(operator.page, "a token to be collected");
  await operator.page.focus("#code-collect");
  await operator.page.keyboard.insertText(await code("operator"));
  await operator.page.keyboard.press("Enter");
  await operator.page.waitForSelector(".secret");
  const token = (await operator.page.textContent(".secret")).trim();
  check(/^lta_[0-9a-f]{64}$/.test(token), token);
  await axe(operator.page, "a token that is shown once");
  await operator.page.emulateMedia({ media: "print" });
  check(!await operator.page.isVisible(".secret"), "nobody prints it by accident");
  await operator.page.emulateMedia({ media: "screen" });
  await operator.page.goto(here);
  const back = await operator.page.goBack().catch((error) => error.message);
  check(String(back).includes("ERR_CACHE_MISS"), `going back does not show it again: ${back}`);

  await approver.page.goto(here);
  await approver.page.focus("#code-enrol");
  await approver.page.keyboard.insertText(await code("approver"));
  await approver.page.keyboard.press("Enter");
  await approver.page.waitForSelector(".qr");
  await axe(approver.page, "a second factor");
  const box = await approver.page.locator(".qr").boundingBox();
  check(box.width > 200 && Math.abs(box.width - box.height) < 1, "a square that a camera can take");
  equal(await approver.page.evaluate(() => getComputedStyle(document.querySelector(".qr")).backgroundColor), "rgb(255, 255, 255)", "on white");
  const dark = await modules(approver.page);
  const finder = (x, y) => dark.slice(y, y + 7).map((row) => row.slice(x, x + 7).map((d) => (d ? "#" : ".")).join(""));
  const corner = ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"];
  equal([finder(4, 4), finder(dark.length - 11, 4), finder(4, dark.length - 11)], [corner, corner, corner], "its corners");
  const typed = await approver.page.textContent("section:not(.narrow) > p > .secret");
  check(/^[A-Z2-7]{52}$/.test(typed), typed);
  if (rig.screenshots)
    await approver.page.screenshot({ path: `${rig.screenshots}/second-factor.png` });
  await approver.page.setViewportSize({ width: 320, height: 640 });
  await approver.page.evaluate(() => { document.querySelectorAll("details").forEach((d) => { d.open = true; }); });
  check(await approver.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it fits at 400 per cent");
  const uri = `otpauth://totp/Lethe:anna?secret=${typed}&issuer=Lethe`;
  await approver.page.focus("#first_code");
  await approver.page.keyboard.insertText(await codeOf(uri));
  await approver.page.keyboard.press("Enter");
  await approver.page.waitForSelector("[role=status]");
  check((await approver.page.textContent("main")).includes("in use"), "it has arrived");

  const anna = await open();
  await go(anna.page, "/ui/sign-in");
  await anna.page.fill("#token", token);
  await anna.page.fill("#code", await codeOf(uri));
  await anna.page.keyboard.press("Enter");
  await anna.page.waitForSelector("nav.side");
  check((await anna.page.textContent(".who summary")).includes("anna"), "who she is");
  equal([...operator.complaints, ...approver.complaints, ...anna.complaints], [], "complaints");
});

test("focus can be seen wherever it goes", async () => {
  const { page } = await as("operator", { forcedColors: "active", reducedMotion: "reduce" });
  for (const path of ["/ui/", "/ui/requests/2"]) {
    await go(page, path);
    for (let i = 0; i < 25; i++) {
      await page.keyboard.press("Tab");
      const [tag, outline] = await page.evaluate(() => [document.activeElement.tagName,
        getComputedStyle(document.activeElement).outlineStyle]);
      check(tag === "BODY" || outline !== "none", `${path}: ${tag} ${i}`);
    }
  }
});

test("a request is led on by keyboard alone", async () => {
  const { page, complaints } = await as("operator");
  await language(page, "en");
  await go(page, "/ui/requests/3");
  await page.focus("details.step summary");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  equal(await page.evaluate(() => document.activeElement.name), "with.channel", "the form's first field");
  await page.keyboard.press("Tab");
  while (await page.evaluate(() => document.activeElement.tagName) !== "BUTTON")
    await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=status]");
  check((await page.textContent("main")).includes("Acknowledge receipt"), "the history says so");
  equal(complaints, [], "complaints");
});

test("pages can be read and forms sent without scripts", async () => {
  const { page } = await as("operator", { javaScriptEnabled: false });
  await language(page, "en");
  await go(page, "/ui/");
  check((await page.textContent("main")).includes("Is anything overdue?"), "the overview");
  check(await page.locator("figure table").count() > 0, "tables instead of pictures");
  await page.click("figure summary >> nth=0");
  check(await page.isVisible("figure table >> nth=0"), "the table opens");
  await go(page, "/ui/requests/new");
  await page.check("#right-access");
  await page.click("form[action='/ui/requests/new'] button");
  await page.waitForURL(/requests\/\d+$/);
});

test("pictures are drawn from their tables", async () => {
  const { page, complaints } = await as("officer");
  for (const [path, count] of [["/ui/", 2], ["/ui/retention", 1], ["/ui/holds", 1]]) {
    await go(page, path);
    await page.waitForSelector(".plot canvas");
    check(await page.locator(".plot canvas").count() >= count, `pictures of ${path}`);
    const label = await page.getAttribute(".plot >> nth=0", "aria-label");
    check(label.length > 20, "each says what it shows");
  }
  equal(complaints, [], "complaints");
});

test("a page warns before its session ends, and one can stay", async () => {
  const { page, complaints } = await as("officer");
  await page.clock.install();
  await go(page, "/ui/");
  await page.clock.fastForward(12 * 60 * 1000);
  check(!await page.isVisible("#session-warning"), "not yet");
  await page.clock.fastForward(90 * 1000);
  await page.waitForSelector("#session-warning[open]");
  await axe(page, "the warning");
  await page.click("#session-warning .main");
  await page.waitForSelector("#session-warning:not([open])", { state: "attached" });
  await page.clock.fastForward(12 * 60 * 1000);
  check(!await page.isVisible("#session-warning"), "it begins anew");
  await page.clock.fastForward(4 * 60 * 1000);
  await page.waitForURL("**/ui/sign-in");
  equal(complaints, [], "complaints");
});

test("E67 no label becomes markup in any page", async () => {
  const { page, complaints } = await as("operator");
  for (let number = 4; number < 4 + rig.payloads.length; number++) {
    await go(page, `/ui/requests/${number}`);
    check((await page.textContent("main")).includes(rig.payloads[number - 4]), `${number} is shown as it is`);
    check(await page.isVisible("h1"), "and hides nothing");
    equal(await page.evaluate(() => globalThis.pwned ?? null), null, `${number}`);
  }
  await go(page, "/ui/requests?state=all");
  equal(await page.evaluate(() => globalThis.pwned ?? null), null, "the register");
  equal(new URL(await page.evaluate(() => document.baseURI)).origin, rig.origin, "the base");
  equal(complaints, [], "complaints");
});

const serve = (pages) => new Promise((done) => {
  const server = http.createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(pages[request.url] ?? "");
  });
  server.listen(0, "127.0.0.1", () => done(server));
});

test("E66 other sites can neither send forms nor show pages in a frame", async () => {
  const action = `${rig.origin}/ui/requests/4/withdraw`;
  const form = (type) => `<form method=post enctype=${type} action=${action}><input name=with.channel value=email>
    <input name=form_key value=x></form><script>document.forms[0].submit()</script>`;
  const server = await serve({
    "/form": form("application/x-www-form-urlencoded"),
    "/text": form("text/plain"),
    "/fetch": `<script>fetch("${action}", { method: "POST", credentials: "include", mode: "no-cors",
      headers: { "content-type": "application/x-www-form-urlencoded" }, body: "with.channel=email" })
      .finally(() => { document.title = "sent"; })</script>`,
    "/frame": `<iframe src="${rig.origin}/ui/"></iframe>`,
    "/script": `<script src="${rig.origin}/ui/"></script><img src="${rig.origin}/ui/">`,
  });
  const port = server.address().port;
  try {
    // another port of the same host is the same site, so that the cookie goes along; another name is another site
    for (const host of ["127.0.0.1", "localhost"]) {
      const { page } = await as("operator");
      const evil = `http://${host}:${port}`;
      for (const path of ["/form", "/text"]) {
        const answer = page.waitForResponse((r) => r.url() === action);
        await page.goto(evil + path).catch(() => {});
        check([403, 303].includes((await answer).status()), `${host}${path}: ${(await answer).status()}`);
        if (host === "127.0.0.1")
          equal((await answer).status(), 403, `${host}${path}`);
      }
      await page.goto(`${evil}/fetch`);
      await page.waitForFunction(() => document.title === "sent");
      await page.goto(`${evil}/frame`);
      await page.waitForTimeout(500);
      const frames = page.frames().slice(1);
      const texts = await Promise.all(frames.map((f) => f.textContent("body").catch(() => "")));
      check(texts.every((t) => !t.includes("Overview")), `${host}: a page in a frame`);
      await page.goto(`${evil}/script`);
    }
    const { page } = await as("operator");
    await go(page, "/ui/requests/4");
    equal(await page.locator("#history ~ .table tbody tr").count(), 1, "nothing was done");
  } finally {
    server.close();
  }
});

test("pages print on A4, wide", async () => {
  const { page } = await as("officer");
  for (const path of ["/ui/", "/ui/retention", "/ui/requests/1", "/ui/ropa", "/ui/rules", "/ui/holds", "/ui/tokens"]) {
    await go(page, path);
    const pdf = (await page.pdf({ preferCSSPageSize: true, printBackground: true })).toString("latin1");
    const box = pdf.match(/\/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]/);
    check(box !== null, `${path}: no page`);
    equal([Math.round(box[1]), Math.round(box[2])], [842, 595], path);
  }
});

test("what is printed says as of when, and of what", async () => {
  const { page } = await as("officer");
  await go(page, "/ui/retention");
  await page.emulateMedia({ media: "print" });
  check(await page.isVisible("main h1"), "the page");
  check(!await page.isVisible("nav.side") && !await page.isVisible(".filters"), "what is for the screen only");
  // In whatever language the session has by now.
  check(await page.isVisible(".bottom code.digest"), "as of, and of what");
});

test("support has its own first page, and no others'", async () => {
  const { page } = await as("support");
  await go(page, "/ui/");
  check(page.url().endsWith("/ui/requests"), page.url());
  equal(await page.locator("nav.side a").count(), 1, "pages");
});

test("signing out everywhere", async () => {
  const one = await open();
  await signIn(one.page, "approver");
  await one.page.click(".who summary");
  await one.page.click("form[action='/ui/sign-out-everywhere'] button");
  await one.page.waitForURL("**/ui/sign-in");
  await go(one.page, "/ui/requests");
  check(one.page.url().includes("sign-in"), one.page.url());
});

for (const lang of LANGUAGES) {
  test(`two years of history pass axe and run nowhere (${lang})`, async () => {
    const { page, complaints } = await as("officer", {}, rig.history);
    await language(page, lang, rig.history);
    for (const path of HISTORY_PAGES) {
      const answer = await page.goto(rig.history.origin + path);
      equal(answer.status(), 200, path);
      await axe(page, `${path} ${lang}`);
    }
    await page.goto(`${rig.history.origin}/ui/erasures`);
    await page.click("tbody a");
    await axe(page, "a receipt");
    equal(complaints, [], "complaints");
  });
}

if (rig.screenshots) {
  test("screenshots", async () => {
    fs.mkdirSync(rig.screenshots, { recursive: true });
    for (const [name, role, place, path] of [["sign-in", null, rig, "/ui/sign-in"], ["overview", "officer", rig.history, "/ui/"],
      ["retention", "officer", rig.history, "/ui/retention"], ["class", "officer", rig.history, "/ui/retention/visit"],
      ["rules", "officer", rig.history, "/ui/rules"], ["proposal", "approver", rig, "/ui/proposals/1"],
      ["request", "operator", rig, "/ui/requests/2"], ["tokens", "operator", rig, "/ui/tokens"]]) {
      const { page } = role === null ? await open() : await as(role, {}, place);
      if (role !== null)
        await language(page, "en", place);
      await page.goto(place.origin + path);
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${rig.screenshots}/${name}.png` });
    }
  });
}

await runAll();

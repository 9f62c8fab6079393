// The pages of a running demo, in Chromium: what an auditor, a keyboard, a phone and a printer meet.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { launch, open } from "./chromium.mjs";
import { faintTexts } from "./contrast.mjs";
import { playDemo } from "./demo.mjs";

const shots = new URL("../../target/browser/", import.meta.url).pathname;
const { everywhere, whereResultsStand } = JSON.parse(readFileSync(new URL("../../spec/compliance/words.json", import.meta.url)));
const beginning = (words) => new RegExp(words.map((word) => (/^\w/.test(word) ? `(?<![\\p{L}\\p{N}])${word}` : word)).join("|"), "iu");
const BANNED = beginning(Object.keys({ ...everywhere, ...whereResultsStand }));
// The source of an image may hold a `%` that nobody reads.
const BANNED_IN_SOURCE = beginning(Object.keys(everywhere));
const VIEWS = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  phone: { colorScheme: "light", viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

let demo;
let browser;
before(async () => {
  mkdirSync(shots, { recursive: true });
  demo = await playDemo();
  browser = await launch();
}, { timeout: 360_000 });
after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** Runs `look` on a freshly opened page and then holds what every page must keep. */
async function on(url, options, look) {
  const { context, page, seen } = await open(browser, url, options);
  try {
    await look(page, seen);
    assert.deepEqual(seen.foreign, [], "a page asks nobody but its own host");
    assert.deepEqual(seen.complaints, [], "the browser complains");
  } finally {
    await context.close();
  }
}

const claimUrl = () => demo.summary.badgeUrl.replace("/badge/", "/claims/").replace(/\.svg$/, "");
const pages = { paper: () => demo.summary.verifyUrl, claim: claimUrl };

for (const [name, url] of Object.entries(pages)) {
  for (const [view, options] of Object.entries(VIEWS)) {
    test(`${name}, ${view}: opens, is readable, and fits`, async () => {
      await on(url(), options, async (page, seen) => {
        assert.equal(seen.status, 200);
        assert.deepEqual(await page.evaluate(faintTexts), [], "text too faint");
        const [width, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(width <= room, `the page is ${width} wide and has ${room}`);
        assert.doesNotMatch(await page.locator("body").innerText(), BANNED);
        await page.screenshot({ path: join(shots, `${name}-${view}.png`), fullPage: true });
      });
    });
  }

  test(`${name}: headings, landmarks, language and title are in order`, async () => {
    await on(url(), VIEWS.light, async (page) => {
      const found = await page.evaluate(() => ({
        language: document.documentElement.lang,
        title: document.title,
        mains: document.querySelectorAll("main").length,
        levels: [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].map((heading) => Number(heading.tagName[1])),
        unnamed: [...document.querySelectorAll("a,summary,button")].filter((control) => !control.textContent.trim()).length,
        tablesWithoutHead: [...document.querySelectorAll("table")].filter((table) => !table.querySelector("th")).length,
        brokenAnchors: [...document.querySelectorAll('a[href^="#"]')].map((link) => link.getAttribute("href").slice(1))
          .filter((id) => !document.getElementById(id)),
      }));
      assert.equal(found.language, "en");
      assert.ok(found.title.length > 3, found.title);
      assert.equal(found.mains, 1);
      assert.equal(found.levels.filter((level) => level === 1).length, 1, "one first heading");
      found.levels.reduce((above, level) => {
        assert.ok(level <= above + 1, `a heading skips a level: ${found.levels}`);
        return level;
      }, 0);
      assert.equal(found.unnamed, 0, "every control has a name");
      assert.equal(found.tablesWithoutHead, 0);
      assert.deepEqual(found.brokenAnchors, []);
    });
  });

  test(`${name}: its policy lets nothing run, load or frame`, async () => {
    const { context, page, seen } = await open(browser, url(), VIEWS.light);
    const policy = seen.headers["content-security-policy"];
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(seen.headers["x-content-type-options"], "nosniff");
    assert.equal(await page.locator("script").count(), 0);
    assert.equal(await page.locator("[style],[onclick],[onload],[onerror]").count(), 0);
    const refused = await page.evaluate(async () => {
      const refused = [];
      document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "document.title = 'run'";
      const image = document.createElement("img");
      image.src = "https://example.com/pixel.png";
      document.body.append(script, image);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return { directives: refused, title: document.title };
    });
    assert.notEqual(refused.title, "run", "an injected script ran");
    assert.ok(refused.directives.some((directive) => directive.startsWith("script-src")), refused.directives.join());
    assert.ok(refused.directives.includes("img-src"), refused.directives.join());
    assert.deepEqual(seen.foreign.filter((foreign) => !foreign.includes("example.com/pixel.png")), []);
    await context.close();
  });

  test(`${name}: the keyboard reaches everything, in reading order, visibly`, async () => {
    await on(url(), VIEWS.light, async (page) => {
      const wanted = await page.locator("a[href],summary,button,input").count();
      const stops = [];
      for (let n = 0; n < wanted; n++) {
        await page.keyboard.press("Tab");
        stops.push(await page.evaluate(() => {
          const element = document.activeElement;
          const box = element.getBoundingClientRect();
          const all = [...document.querySelectorAll("a[href],summary,button,input")];
          const isSeen = box.width > 1 && box.right > 0 && box.bottom > 0 && box.top < innerHeight;
          return { at: all.indexOf(element), isSeen, isMarked: getComputedStyle(element).outlineStyle !== "none" };
        }));
      }
      assert.deepEqual(stops.map((stop) => stop.at), stops.map((_, n) => n), "tab order is the order of reading");
      assert.deepEqual(stops.filter((stop) => !stop.isSeen || !stop.isMarked), [], "focus is seen");
    });
  });

  test(`${name}: says the same without JavaScript`, async () => {
    await on(url(), { ...VIEWS.light, javaScriptEnabled: false }, async (page, seen) => {
      assert.equal(seen.status, 200);
      assert.ok((await page.locator("main").innerText()).length > 200);
    });
  });
}

describe("the work paper", () => {
  test("a summary opens by the keyboard", async () => {
    await on(demo.summary.verifyUrl, VIEWS.light, async (page) => {
      const details = page.locator("details").first();
      assert.equal(await details.getAttribute("open"), null);
      await details.locator("summary").focus();
      await page.keyboard.press("Enter");
      assert.notEqual(await details.getAttribute("open"), null);
    });
  });

  test("the link leaves no capability in the address, and no trace in caches", async () => {
    await on(demo.summary.verifyUrl, VIEWS.light, async (page, seen) => {
      const address = new URL(page.url());
      assert.match(address.pathname, new RegExp(`^/verify/${demo.summary.changeId}$`));
      assert.equal(address.search, "");
      assert.match(seen.headers["cache-control"], /no-store/);
      assert.equal(seen.headers["referrer-policy"], "no-referrer");
      const [cookie] = await page.context().cookies();
      assert.ok(cookie.httpOnly && cookie.sameSite !== "None" && cookie.path.includes(demo.summary.changeId), JSON.stringify(cookie));
    });
  });

  test("without the link there is no page, and with a damaged one neither", async () => {
    for (const url of [`${demo.origin}/verify/${demo.summary.changeId}`, demo.summary.verifyUrl.slice(0, -4) + "AAAA"]) {
      const { context, seen } = await open(browser, url, VIEWS.light);
      assert.ok([401, 403, 404].includes(seen.status), `${seen.status}`);
      assert.deepEqual(seen.foreign, []);
      await context.close();
    }
  });

  for (const format of ["A4", "Letter"]) {
    test(`prints on ${format}, with digest, time and page number on every sheet`, async () => {
      await on(demo.summary.verifyUrl, VIEWS.light, async (page) => {
        const file = join(shots, `paper-${format}.pdf`);
        writeFileSync(file, await page.pdf({ format, preferCSSPageSize: false }));
        const sheets = sheetsOf(file);
        assert.ok(sheets.length >= 2 && sheets.length <= 24, `${sheets.length} sheets`);
        sheets.forEach((sheet, n) => {
          assert.match(sheet, /[0-9a-f]{64}/, `sheet ${n + 1} has no digest`);
          assert.match(sheet, new RegExp(`page ${n + 1} of ${sheets.length}`));
          assert.match(sheet, /\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}Z/);
        });
      });
    });
  }

  test("prints with every detail open", async () => {
    await on(demo.summary.verifyUrl, VIEWS.light, async (page) => {
      const hidden = await page.locator("details > :not(summary)").first().innerText({ timeout: 1000 }).catch(() => "");
      await page.emulateMedia({ media: "print" });
      const closed = await page.evaluate(() =>
        [...document.querySelectorAll("details")].filter((details) =>
          [...details.children].some((child) => child.tagName !== "SUMMARY" && child.getBoundingClientRect().height === 0)).length);
      assert.equal(closed, 0, `details stay closed on paper (${hidden})`);
      await page.screenshot({ path: join(shots, "paper-print.png"), fullPage: true });
    });
  });

  test("is the same as HTML, PDF and JSON", async () => {
    await on(demo.summary.verifyUrl, VIEWS.light, async (page) => {
      const fetched = (accept) => page.context().request.get(page.url(), { headers: { accept } });
      const json = await (await fetched("application/json")).json();
      const pdf = await fetched("application/pdf");
      assert.equal(pdf.headers()["content-type"], "application/pdf");
      const file = join(shots, "paper.pdf");
      writeFileSync(file, await pdf.body());
      const sheets = sheetsOf(file);
      const printed = sheets.join(" ").replace(/\s+/g, " ");
      const shown = (await page.locator("body").textContent()).replace(/\s+/g, " ");
      const ids = [...new Set(JSON.stringify(json).match(/CM-\d\d/g))];
      assert.ok(ids.length > 5, ids.join());
      for (const id of ids) {
        assert.ok(shown.includes(id), `the page does not name ${id}`);
        assert.ok(printed.includes(id), `the PDF does not name ${id}`);
      }
      assert.doesNotMatch(printed, BANNED);
      sheets.forEach((sheet, n) => {
        assert.match(sheet, /[0-9a-f]{64}/, `sheet ${n + 1} has no digest`);
        assert.match(sheet, new RegExp(`page ${n + 1} of ${sheets.length}`, "i"));
      });
      execFileSync("pdftoppm", ["-r", "60", "-png", file, join(shots, "paper-pdf")]);
    });
  });

  test("every change of the week has a page that names its exceptions", async () => {
    assert.ok(demo.changes.length >= 5, `${demo.changes.length} changes`);
    for (const change of demo.changes) {
      await on(change.verifyUrl, VIEWS.light, async (page, seen) => {
        assert.equal(seen.status, 200, change.verifyUrl);
        const text = await page.locator("main").innerText();
        for (const exception of change.exceptions) {
          const [control] = exception.split(" ");
          assert.ok(text.includes(control), `${change.kind}: ${exception} is not on its page`);
        }
      });
    }
  });
});

describe("the badge", () => {
  test("is an image with a name, and says what its endpoint says", async () => {
    const svg = await fetch(demo.summary.badgeUrl);
    assert.equal(svg.status, 200);
    assert.match(svg.headers.get("content-type"), /^image\/svg\+xml/);
    assert.match(svg.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    const text = await svg.text();
    const endpoint = await (await fetch(demo.summary.badgeUrl.replace(/\.svg$/, ".json"))).json();
    assert.equal(endpoint.schemaVersion, 1);
    assert.ok(text.includes(endpoint.message), `${endpoint.message} is not in the image`);
    assert.match(text, /<title>/);
    assert.doesNotMatch(text, BANNED_IN_SOURCE);
    assert.doesNotMatch(text, /<script|foreignObject|href="http:/i);
    await on(demo.summary.badgeUrl, VIEWS.light, async (page) => {
      await page.screenshot({ path: join(shots, "badge.png"), clip: { x: 0, y: 0, width: 420, height: 40 } });
    });
  });

  test("comes from caches while it is the same", async () => {
    const first = await fetch(demo.summary.badgeUrl);
    const again = await fetch(demo.summary.badgeUrl, { headers: { "if-none-match": first.headers.get("etag") } });
    assert.equal(again.status, 304);
  });
});

/** The text of each sheet of a PDF. */
function sheetsOf(file) {
  const text = execFileSync("pdftotext", ["-layout", file, "-"], { encoding: "utf8", maxBuffer: 64 << 20 });
  return text.split("\f").filter((sheet) => sheet.trim());
}

// Measures pages in a browser: `node measure.mjs CHROMIUM FOLDER PAGE...`.
//
// Prints a JSON object, for each page a list with one entry for each width and language: axe's violations, the
// real width of the page, its requests to the network. Writes a screenshot of each to FOLDER.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [, , executablePath, folder, ...pages] = process.argv;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const views = [[360, "fr"], [360, "en"], [1280, ""]];

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const measurements = {};
for (const page of pages) {
  measurements[basename(page, ".html")] = [];
  for (const [width, language] of views) {
    measurements[basename(page, ".html")].push(await measure(page, width, language));
  }
}
await browser.close();
console.log(JSON.stringify(measurements));

async function measure(page, width, language) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, bypassCSP: true });
  const tab = await context.newPage();
  const requests = [];
  tab.on("request", (request) => requests.push(request.url()));
  await tab.goto(`${pathToFileURL(page)}${language ? `#${language}` : ""}`);
  const requested = requests.length - 1; // without the page itself
  await tab.evaluate(axe);
  const result = await axeOf(tab);
  const shown = await tab.evaluate(() =>
    [...document.querySelectorAll("section.language")].filter((element) => element.offsetHeight).map((element) => element.lang));
  const scrollWidth = await tab.evaluate(() => document.documentElement.scrollWidth);
  const headings = await tab.evaluate(() =>
    [...document.querySelectorAll("table.stacked tbody th")].filter((element) => element.offsetWidth)
      .map((element) => element.offsetWidth / element.parentElement.offsetWidth));
  await tab.emulateMedia({ media: "print" });
  const printed = await tab.evaluate(() =>
    Object.fromEntries([".certificate .name", ".task h3", ".printed"].map((selector) =>
      [selector, [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility()).length])));
  const onPaper = width > 360 ? await axeOf(tab) : { violations: [] };
  await tab.emulateMedia({ media: "screen" });
  await tab.screenshot({ path: join(folder, `${basename(page, ".html")}-${width}-${language || "both"}.png`), fullPage: true });
  await context.close();
  return {
    width, language, requested, shown, scrollWidth, headings, printed,
    rules: result.passes.length,
    violations: result.violations.map(brief),
    printedViolations: onPaper.violations.map(brief),
    incomplete: result.incomplete.map(brief),
  };
}

function axeOf(tab) {
  return tab.evaluate(() => window.axe.run(document, { resultTypes: ["violations", "incomplete"] }));
}

function brief(rule) {
  return { id: rule.id, impact: rule.impact, help: rule.help, where: rule.nodes.map((node) => node.target.join(" ")) };
}

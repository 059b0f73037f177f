// SPDX-License-Identifier: Apache-2.0
// What eslint holds the pages' scripts and the browser tests to: its recommended rules, and nothing that turns text
// into code or markup.
import { createRequire } from "node:module";

const require = createRequire(new URL("../build/npm/tools/", import.meta.url));
const js = require("@eslint/js");
const globals = require("globals");

const noMarkup = ["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc", "write", "writeln"].map((property) => ({
    property,
    message: "text can become markup here: use textContent and elements",
}));

export default [
    js.configs.recommended,
    {
        rules: {
            eqeqeq: "error",
            "no-eval": "error",
            "no-implied-eval": "error",
            "no-new-func": "error",
            "no-script-url": "error",
            "no-var": "error",
            "prefer-const": "error",
        },
    },
    {
        files: ["ui/**/*.js"],
        languageOptions: { globals: globals.browser, sourceType: "script" },
        rules: { "no-restricted-properties": ["error", ...noMarkup] },
    },
    { files: ["tests/**/*.mjs"], languageOptions: { globals: { ...globals.node, ...globals.browser }, sourceType: "module" } },
];

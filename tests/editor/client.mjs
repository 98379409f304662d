// An editor, as far as VS Code's own library is one: it starts the server, opens files, and plays a script of questions. The folder of the library, the
// server's command and the workspace come as arguments; the answers go to stdout as JSON.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [libraries, engine, workspace, encoding] = process.argv.slice(2);
const require = createRequire(pathToFileURL(libraries + "/"));
const lsp = require("vscode-languageserver-protocol/node");
const { TextDocument } = require("vscode-languageserver-textdocument");

const server = spawn(engine, ["lsp", "--stdio"], { cwd: workspace, stdio: ["pipe", "pipe", "inherit"] });
const ended = new Promise((resolve) => server.on("exit", (code, signal) => resolve(code ?? signal)));
const connection = lsp.createProtocolConnection(
  new lsp.StreamMessageReader(server.stdout),
  new lsp.StreamMessageWriter(server.stdin),
);

// What was told about each file, and who waits for it.
const told = new Map();
let heard = () => {};
connection.onNotification(lsp.PublishDiagnosticsNotification.type, (params) => {
  told.set(params.uri, params);
  heard();
});
connection.listen();

const uri = (name) => pathToFileURL(join(workspace, name)).href;
const documents = new Map();
const wait = async (name, holds) => {
  const late = Date.now() + 30000;
  for (;;) {
    const params = told.get(uri(name));
    if (params && holds(params)) return params.diagnostics;
    if (Date.now() > late) throw new Error(`nothing was told about ${name}: ${JSON.stringify(params)}`);
    await new Promise((resolve) => {
      heard = resolve;
      setTimeout(resolve, 200);
    });
  }
};
const open = async (name) => {
  const document = TextDocument.create(uri(name), "yaml", 1, readFileSync(join(workspace, name), "utf8"));
  documents.set(name, document);
  await connection.sendNotification(lsp.DidOpenTextDocumentNotification.type, {
    textDocument: { uri: document.uri, languageId: "yaml", version: 1, text: document.getText() },
  });
};
// Changes a file as an editor does: by ranges, and without saving it.
const change = async (name, edits) => {
  const document = documents.get(name);
  const ordered = [...edits].sort((a, b) => document.offsetAt(b.range.start) - document.offsetAt(a.range.start));
  const contentChanges = ordered.map(({ range, newText }) => ({ range, text: newText }));
  const after = TextDocument.update(document, contentChanges, document.version + 1);
  documents.set(name, after);
  await connection.sendNotification(lsp.DidChangeTextDocumentNotification.type, {
    textDocument: { uri: after.uri, version: after.version },
    contentChanges,
  });
};
const at = (name, needle, inside = 0) => {
  const document = documents.get(name);
  const found = document.getText().indexOf(needle);
  if (found < 0) throw new Error(`${needle} is not in ${name}`);
  return { textDocument: { uri: document.uri }, position: document.positionAt(found + inside) };
};
const insert = (name, after, newText) => {
  const document = documents.get(name);
  const position = document.positionAt(document.getText().indexOf(after) + after.length);
  return { range: { start: position, end: position }, newText };
};
const name = (address) => address.split("/").pop();
const shown = (item) => ({ label: item.label, detail: item.detail, text: item.textEdit?.newText });

const answers = {};
const initialized = await connection.sendRequest(lsp.InitializeRequest.type, {
  processId: process.pid,
  rootUri: pathToFileURL(workspace).href,
  workspaceFolders: [{ uri: pathToFileURL(workspace).href, name: "workspace" }],
  capabilities: {
    general: { positionEncodings: [encoding] },
    textDocument: { completion: { completionItem: { snippetSupport: true } }, publishDiagnostics: { relatedInformation: true } },
  },
});
answers.encoding = initialized.capabilities.positionEncoding;
answers.server = initialized.serverInfo.name;
await connection.sendNotification(lsp.InitializedNotification.type, {});

// Findings, with what is shown beside them; the file is not what is on the disk.
await open("shop.yaml");
await open("flow.yaml");
answers.diagnostics = await wait("flow.yaml", ({ diagnostics }) => diagnostics.length > 0);
answers.clean = await wait("shop.yaml", () => true);

// The change that mends them.
const wrong = answers.diagnostics[0];
const actions = await connection.sendRequest(lsp.CodeActionRequest.type, {
  textDocument: { uri: uri("flow.yaml") },
  range: wrong.range,
  context: { diagnostics: [wrong] },
});
answers.actions = actions.map(({ title, kind }) => ({ title, kind }));
const fix = actions.find(({ kind }) => kind === lsp.CodeActionKind.QuickFix);
await change("flow.yaml", fix.edit.changes[uri("flow.yaml")]);
answers.mended = await wait("flow.yaml", ({ version, diagnostics }) => version === 2 && diagnostics.length === 0);
answers.line = documents.get("flow.yaml").getText().split("\n")[8];

// Completion in what is half typed and not saved.
await change("flow.yaml", [insert("flow.yaml", "# ünï 😀 here\n", "  - id: new\n    read: shop.l\n")]);
const complete = async (needle, inside) => {
  const list = await connection.sendRequest(lsp.CompletionRequest.type, at("flow.yaml", needle, inside));
  return list.items.map(shown);
};
answers.endpoints = await complete("shop.l\n", 6);
await change("flow.yaml", [insert("flow.yaml", "read: shop.l", "ist_orders\n    wh")]);
answers.keys = (await complete("    wh\n", 6)).filter(({ label }) => label === "where");
await change("flow.yaml", [insert("flow.yaml", "\n    wh", "ere: item.")]);
answers.members = (await complete("where: item.\n", 12)).map(({ label }) => label);
await change("flow.yaml", [insert("flow.yaml", "where: item.", "total > 0\n    log: \"ö {{ inputs.since | date_f")]);
answers.filters = (await complete("date_f", 6)).map(({ label }) => label).filter((label) => label.startsWith("date_"));

const hover = async (...place) => (await connection.sendRequest(lsp.HoverRequest.type, at("flow.yaml", ...place)))?.contents.value;
answers.hoverKey = await hover("for_each", 2);
answers.hoverEndpoint = await hover("list_orders", 3);

const definition = await connection.sendRequest(lsp.DefinitionRequest.type, at("flow.yaml", "list_orders", 3));
answers.definition = definition.map((one) => ({ file: name(one.uri), range: one.range }));

// Another name in both files; the text between is counted in the units that were agreed on.
const target = at("flow.yaml", "list_orders", 3);
answers.prepared = (await connection.sendRequest(lsp.PrepareRenameRequest.type, target)).placeholder;
const renamed = await connection.sendRequest(lsp.RenameRequest.type, { ...target, newName: "all_orders" });
for (const [address, edits] of Object.entries(renamed.changes)) await change(name(address), edits);
answers.renamed = [...documents.values()].map((document) => document.getText());
try {
  await connection.sendRequest(lsp.RenameRequest.type, { ...at("flow.yaml", "all_orders", 3), newName: "no name" });
} catch (error) {
  answers.refused = error.message;
}
answers.symbols = (await connection.sendRequest(lsp.DocumentSymbolRequest.type, { textDocument: { uri: uri("shop.yaml") } })).map(
  (one) => one.name,
);

// A request that is taken back is answered as such or done already; one that is not known is refused.
const cancel = new lsp.CancellationTokenSource();
const taken = connection.sendRequest(lsp.HoverRequest.type, at("flow.yaml", "for_each", 2), cancel.token).then(
  () => "answered",
  ({ code }) => (code === lsp.LSPErrorCodes.RequestCancelled ? "cancelled" : `failed: ${code}`),
);
cancel.cancel();
answers.taken = ["answered", "cancelled"].includes(await taken);
answers.unknown = await connection.sendRequest("textDocument/moniker", {}).catch(({ code }) => code);

await connection.sendNotification(lsp.DidCloseTextDocumentNotification.type, { textDocument: { uri: uri("flow.yaml") } });
await connection.sendRequest(lsp.ShutdownRequest.type);
await connection.sendNotification(lsp.ExitNotification.type);
answers.status = await ended;
process.stdout.write(JSON.stringify(answers, null, 1));
process.exit(0);

"use strict";

// Shows openapi.json. Everything is put into the page as text, nothing as markup.

const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.flat(Infinity).filter((it) => it !== null));
  return element;
};

// Text in which what stands between backticks is code.
const rich = (text) =>
  (text || "").split("`").map((it, index) => (index % 2 ? make("code", {}, it) : it));

const paragraph = (text) => (text ? make("p", {}, rich(text)) : null);

let description;

const follow = (value) => {
  const path = value && value.$ref;
  return path ? follow(path.slice(2).split("/").reduce((part, name) => part[name], description)) : value || {};
};

// What a value is, in words.
const kinds = (schema) => {
  const it = follow(schema);
  const of = it.anyOf || it.oneOf;
  if (of) return of.flatMap(kinds);
  const types = [it.type || "anything"].flat();
  return types.map((type) => (type === "array" && it.items ? `list of ${kind(it.items)}` : type));
};

const kind = (schema) => kinds(schema).join(" or ");

// The object in a schema that has fields: itself, one of its choices, or what a list has.
const object = (schema) => {
  const it = follow(schema);
  if (it.properties || typeof it.additionalProperties === "object") return it;
  const inner = [...(it.anyOf || it.oneOf || []), ...(it.items ? [it.items] : [])];
  return inner.map(object).find((found) => found) || null;
};

// What may be left out may be null, too: that goes without saying.
const limits = (it, isAsked) => {
  const rules = [kinds(it).filter((type) => !(isAsked && type === "null")).join(" or ")];
  if (it.maxLength !== undefined) rules.push(`at most ${it.maxLength} characters`);
  return rules.join(", ");
};

const row = (name, schema, required, about, example, depth, isAsked) => {
  const it = follow(schema);
  const nested = depth > 0 ? object(it) : null;
  const mark = isAsked ? (required ? "required" : "") : required ? "" : "not always there";
  const words = (it.enum || []).filter((word) => word !== null);
  return make("tr", {},
    make("td", {}, make("code", { className: "field" }, name), mark ? make("div", { className: required ? "must" : "kind" }, mark) : null),
    make("td", {},
      make("div", { className: "kind" }, limits(it, isAsked)),
      paragraph(about || it.description),
      words.length ? make("div", { className: "words" }, words.map((word) => make("code", {}, JSON.stringify(word)))) : null,
      example === undefined ? null : make("div", { className: "kind" }, "like ", make("code", {}, JSON.stringify(example))),
      nested ? make("details", { className: "nested" }, make("summary", {}, "its fields"), form(nested, depth - 1)) : null));
};

// A table of an object's fields; of one that is asked for, what `asked` has are examples.
const form = (schema, depth = 6, asked = null) => {
  const it = object(schema);
  if (!it) return make("p", { className: "kind" }, kind(schema));
  const required = new Set(it.required || []);
  const rows = Object.entries(it.properties || {}).map(([name, field]) =>
    row(name, field, required.has(name), "", (asked || {})[name], depth, asked !== null));
  if (typeof it.additionalProperties === "object") {
    rows.push(row("any name", it.additionalProperties, true, "", undefined, depth));
  }
  return rows.length ? make("table", {}, make("tbody", {}, rows)) : make("p", { className: "kind" }, "no fields");
};

const code = (text) => {
  const button = make("button", { type: "button" }, "copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  return make("div", { className: "code" }, make("pre", {}, make("code", {}, text)), navigator.clipboard ? button : null);
};

const titled = (title, ...parts) => [make("h4", {}, title), ...parts];

const jsonOf = (content) => (content && (content["application/json"] || Object.values(content)[0])) || {};

// What a request looks like on the wire.
const request = (call) => {
  let path = call.path;
  for (const it of call.operation.parameters || []) {
    if (it.in === "path" && it.example !== undefined) path = path.replace(`{${it.name}}`, it.example);
  }
  const lines = [`${call.method.toUpperCase()} ${path} HTTP/1.1`];
  for (const name of Object.keys((call.operation.security || [{}])[0] || {})) {
    const scheme = description.components.securitySchemes[name];
    const header = scheme.type === "http" ? "Authorization" : scheme.name;
    const value = scheme.type === "http" ? "Bearer …" : header === "Authorization" ? "Token …" : "…";
    lines.push(`${header}: ${value}`);
  }
  const body = call.operation.requestBody;
  if (!body) return lines.join("\n");
  lines.push("Content-Type: application/json", "", JSON.stringify(jsonOf(body.content).example, null, 2));
  return lines.join("\n");
};

const answer = ([status, reference]) => {
  const it = follow(reference);
  const content = jsonOf(it.content);
  const headers = Object.entries(it.headers || {}).map(([name, header]) =>
    row(name, header.schema, true, header.description, header.example, 0));
  const examples = Object.values(content.examples || {}).map((example) =>
    make("tr", {}, make("td", {}, example.summary), make("td", {}, make("code", {}, JSON.stringify(example.value)))));
  return make("details", { className: "answer" },
    make("summary", {}, make("span", { className: status < "3" ? "status good" : "status" }, status), make("span", { className: "brief" }, rich(it.description))),
    headers.length ? titled("Headers", make("table", {}, make("tbody", {}, headers))) : [],
    content.example === undefined ? [] : titled("Example", code(JSON.stringify(content.example, null, 2))),
    examples.length ? titled("Examples", make("table", {}, make("tbody", {}, examples))) : [],
    content.schema ? titled("Fields", form(content.schema)) : []);
};

const parameters = (operation) => {
  const rows = (operation.parameters || []).map((it) =>
    row(it.name, it.schema, it.required, `${it.description} (${it.in})`, it.example, 0, true));
  return rows.length ? titled("Parameters", make("table", {}, make("tbody", {}, rows))) : [];
};

const card = (call) => {
  const { operation, method, path } = call;
  const body = operation.requestBody;
  const media = body ? Object.keys(body.content).join(" or ") : "";
  const example = body ? jsonOf(body.content).example : undefined;
  const fields = body ? jsonOf(body.content).schema : null;
  return make("details", { className: "call", id: operation.operationId },
    make("summary", {},
      make("span", { className: `method ${call.kind}` }, call.kind === "hook" ? "HOOK" : method.toUpperCase()),
      path ? make("span", { className: "path" }, path) : null,
      make("span", { className: "about" }, operation.summary)),
    make("div", { className: "inside" },
      paragraph(operation.description),
      call.aliases.length ? make("p", {}, "Also at ", call.aliases.flatMap((it, index) => [index ? ", " : "", make("code", {}, it)]), ".") : null,
      parameters(operation),
      body ? titled("Body", make("p", { className: "kind" }, media), form(fields, 6, call.kind === "hook" ? null : example || {})) : [],
      titled("Example", code(call.kind === "hook" ? JSON.stringify(example, null, 2) : request(call))),
      titled("Answers", Object.entries(operation.responses).map(answer))));
};

const callsOf = (tag) => {
  const calls = [];
  for (const [path, item] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (!operation.tags.includes(tag)) continue;
      const of = operation.deprecated && calls.find((it) => operation.operationId.startsWith(`${it.operation.operationId}.`));
      if (of) of.aliases.push(path);
      else calls.push({ path, method, operation, kind: method, aliases: [] });
    }
  }
  return calls;
};

const hooksOf = (tag) =>
  Object.values(description.webhooks).map((it) => it.post).filter((it) => it.tags.includes(tag))
    .map((operation) => ({ path: "your address", method: "post", operation, kind: "hook", aliases: [] }));

const credentials = (calls) => {
  const names = Object.keys((calls[0].operation.security || [{}])[0] || {});
  const rows = names.map((name) => {
    const it = description.components.securitySchemes[name];
    const header = it.type === "http" ? "Authorization: Bearer" : it.name;
    return make("tr", {}, make("td", {}, make("code", { className: "field" }, header)), make("td", {}, paragraph(it.description)));
  });
  return titled("Every request shows", make("table", {}, make("tbody", {}, rows)));
};

const api = (tag) => {
  const calls = callsOf(tag.name);
  const all = [...calls, ...hooksOf(tag.name)];
  const link = (call) => make("a", { className: "call-link", href: `#${call.operation.operationId}`, title: call.path },
    make("span", { className: `method ${call.kind}` }, call.kind === "hook" ? "HOOK" : call.method.toUpperCase()), call.kind === "hook" ? "webhook" : call.operation.summary);
  const id = `api-${tag.name.replaceAll(" ", "-")}`;
  const section = make("section", {}, make("h2", { id }, tag.name), paragraph(tag.description), credentials(calls), make("h4", {}, "Calls"), all.map(card));
  document.getElementById("contents").append(make("a", { className: "api", href: `#${id}` }, tag.name), ...all.map(link));
  return section;
};

// Leaves what has the words, and opens nothing.
const search = (text) => {
  const words = text.toLowerCase().split(/\s+/).filter((it) => it);
  for (const call of document.querySelectorAll(".call")) {
    const has = call.textContent.toLowerCase();
    call.hidden = !words.every((word) => has.includes(word));
    const link = document.querySelector(`nav a[href="#${CSS.escape(call.id)}"]`);
    if (link) link.hidden = call.hidden;
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = words.length > 0 && !section.querySelector(".call:not([hidden])");
  }
};

const openTarget = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.classList.contains("call")) target.open = true;
  if (target) target.scrollIntoView();
};

const show = async () => {
  const main = document.getElementById("top");
  const reply = await fetch("openapi.json");
  if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
  description = await reply.json();
  main.replaceChildren(
    make("h1", {}, `${description.info.title} ${description.info.version}`),
    paragraph(description.info.description),
    ...description.tags.map(api));
  document.getElementById("search").addEventListener("input", (event) => search(event.target.value));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("nav a");
    if (link && link.hash === location.hash) openTarget();
  });
  addEventListener("hashchange", openTarget);
  openTarget();
};

show().catch((error) => {
  document.getElementById("top").replaceChildren(make("p", {}, `openapi.json cannot be read: ${error.message}`));
});

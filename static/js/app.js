// Live parts of the pages: nothing here is needed to read a page or to post a form.
// 1 time · 2 live fragments · 3 forms and drafts · 4 undo, copy, menus · 5 keyboard
//
// Attributes understood:
//   body[data-now]                        server time when the page was written
//   [data-due][data-started] + data-clock | data-fuse | data-hero   a running clock
//   [data-ago="ISO"]                      "2 min ago", kept true
//   [data-poll="url"]                     asked every 12 s; its answer's elements with an id replace
//                                         those of the page; without such ids the content is replaced
//   [data-at-once]                        on a data-poll: asked as soon as the page is there
//   [data-said]                           the outcome of a post: no change by itself
//   [data-figures]                        an element with an id that a poll of its own fills
//   [data-live]                           an element with an id that may be replaced
//   [data-pill="button id"]               on a data-live: new [data-entry] rows wait behind the button
//   form[data-keep="name"]                drafts outlive an expired session, in this tab
//   form[data-preview-url][data-preview-target]   the form is posted as it changes, answers swapped
//   form[data-preview-waits="names"]      a submit waits for the preview of these fields, and goes on
//   form[data-preview-watch="ids"]        if no choice in these parts changed; else #<id>-changed is shown
//   form[data-once="off"]                 may be submitted twice
//   [data-undo-seconds]                   counts down in its .undo-n, then data-undo-done is said
//   [data-copy="text"] [data-copy-from="#id"]     copy buttons
//   [data-dialog="id"]                    opens a <dialog>
//   [data-key="n"]                        shortcut of a link, button or field; "g h" is a sequence
//   [data-row]                            a row for j and k, beside table rows and duties
(() => {
  "use strict";

  const POLL_MS = 12_000;
  const PREVIEW_MS = 8_000;
  const MINUTE = 60;
  const HOUR = 3600;
  const DAY = 86_400;
  const body = document.body;
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const say = (text) => {
    const region = byId("announce");
    if (region) region.textContent = text;
  };
  const store = (area) => {
    try {
      return window[area];
    } catch {
      return null;
    }
  };
  const session = store("sessionStorage");
  const local = store("localStorage");

  // 1 Time ------------------------------------------------------------------------------------

  let offset = body.dataset.now ? Date.parse(body.dataset.now) - Date.now() : 0;
  const serverNow = () => Date.now() + offset;
  const two = (number) => String(number).padStart(2, "0");

  function parts(seconds) {
    if (seconds < MINUTE) return [[seconds, "s"]];
    if (seconds < HOUR) return [[Math.floor(seconds / MINUTE), "min"], [two(seconds % MINUTE), "s"]];
    if (seconds < DAY) {
      return [[Math.floor(seconds / HOUR), "h"], [two(Math.floor((seconds % HOUR) / MINUTE)), "min"]];
    }
    return [[Math.floor(seconds / DAY), "d"], [Math.floor((seconds % DAY) / HOUR), "h"]];
  }

  function span(seconds) {
    const list = parts(seconds);
    const shown = seconds < HOUR || Number(list[1][0]) === 0 ? list.slice(0, 1) : list;
    return shown.map((part) => part.join(" ")).join(" ");
  }

  function read(element) {
    const due = Date.parse(element.dataset.due);
    const started = Date.parse(element.dataset.started);
    const now = serverNow();
    const used = due > started ? ((now - started) / (due - started)) * 100 : 100;
    const percent = Math.trunc(Math.max(0, Math.min(100, used)));
    const past = now >= due;
    const reminder = "reminder" in element.dataset;
    let name = percent >= 80 ? "is-near" : percent >= 50 ? "is-half" : "is-run";
    if (reminder) name = past ? "is-done" : "is-run";
    else if (past) name = "is-late";
    return { seconds: Math.floor(Math.abs(due - now) / 1000), percent, past, reminder, name };
  }

  const STATES = ["is-run", "is-half", "is-near", "is-late", "is-done"];

  function setState(element, name) {
    if (element.classList.contains(name)) return;
    element.classList.remove(...STATES);
    element.classList.add(name);
  }

  function setText(element, text) {
    if (element && element.textContent !== text) element.textContent = text;
  }

  function tickClock(element) {
    const face = read(element);
    setState(element, face.name);
    const words = face.reminder && face.past ? "passed" : `${span(face.seconds)} ${face.past ? "late" : "left"}`;
    setText(element.querySelector(".clock-main"), words);
    const pie = element.querySelector(".dial-pie");
    if (!pie) return;
    if (!face.past) {
      pie.setAttribute("stroke-dasharray", `${face.percent} 100`);
      return;
    }
    const icon = byId(face.reminder ? "icon-done" : "icon-late");
    if (icon) element.querySelector(".dial").replaceWith(icon.content.cloneNode(true));
    const before = face.reminder ? "" : "was ";
    setText(element.querySelector(".clock-exact"), before + element.dataset.clock);
  }

  function tickFuse(element) {
    const face = read(element);
    setState(element, face.name);
    element.querySelector(".fuse-used")?.setAttribute("width", `${face.percent}%`);
  }

  function tickHero(element) {
    const face = read(element);
    const list = parts(face.seconds);
    if (face.past) list.at(-1)[1] += " late";
    const text = list.flat().join(" ");
    if (element.dataset.shown === text) return;
    element.dataset.shown = text;
    element.replaceChildren(
      ...list.flatMap(([figure, unit]) => {
        const small = document.createElement("small");
        small.textContent = unit;
        return [document.createTextNode(String(figure)), small];
      }),
    );
    const band = element.closest(".band");
    band?.classList.toggle("is-late", face.past);
    if (face.past) setText(band?.querySelector("[data-hero-label]"), "Late");
  }

  function tickAgo(element) {
    const seconds = Math.round((serverNow() - Date.parse(element.dataset.ago)) / 1000);
    setText(element, seconds >= 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`);
  }

  function tick() {
    all("[data-clock][data-due]").forEach(tickClock);
    all("[data-fuse][data-due]").forEach(tickFuse);
    all("[data-hero][data-due]").forEach(tickHero);
    all("[data-ago]").forEach(tickAgo);
  }

  // The composer sticks below the sticky band, whose height follows its words.
  function measureBand() {
    const band = document.querySelector(".band-sticky");
    if (!band || !("ResizeObserver" in window)) return;
    new ResizeObserver(() => {
      document.documentElement.style.setProperty("--band-h", `${band.offsetHeight}px`);
    }).observe(band);
  }

  // 2 Live fragments --------------------------------------------------------------------------

  const waiting = new Map();
  const etags = new Map();
  let failures = 0;
  let signedOut = false;
  let lastHeard = serverNow();
  let polling = false;
  let again = false;
  let swaps = 0;

  // Two renderings are the same when only what ticks, or a hidden token, differs.
  function signature(element) {
    const copy = element.cloneNode(true);
    all("[data-due]", copy).forEach((clock) => {
      clock.replaceChildren();
      clock.removeAttribute("class");
      delete clock.dataset.shown;
    });
    all("[data-ago]", copy).forEach((time) => time.replaceChildren());
    all("input[type=hidden]", copy).forEach((field) => field.remove());
    all("[data-needs-script]", copy).forEach((part) => part.removeAttribute("hidden"));
    all("details", copy).forEach((details) => details.removeAttribute("open"));
    all("[data-figures]", copy).forEach((part) => part.replaceChildren());
    all("[data-said]", copy).forEach((part) => part.remove());
    all(".is-cursor", copy).forEach((row) => row.classList.remove("is-cursor"));
    return copy.outerHTML.replace(/ class=""/g, "").replace(/\s+/g, " ");
  }

  function isDirty(form) {
    return [...form.elements].some((field) => {
      if (field.type === "hidden" || field.type === "submit" || field.type === "button") return false;
      if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
      if (field.options) return [...field.options].some((o) => o.selected !== o.defaultSelected) && touched.has(field);
      return "defaultValue" in field && field.value !== field.defaultValue;
    });
  }

  const touched = new WeakSet();
  document.addEventListener("input", (event) => touched.add(event.target));

  const isBusy = (element) =>
    element.contains(document.activeElement) && document.activeElement !== body
      ? true
      : all("form", element).some(isDirty) || Boolean(element.querySelector("dialog[open]"));

  const detailsKey = (details) => details.id || details.querySelector("summary")?.textContent.trim();

  function replace(old, fresh) {
    const open = new Set(all("details[open]", old).map(detailsKey));
    all("details", fresh).forEach((details) => {
      if (open.has(detailsKey(details))) details.open = true;
    });
    // Figures come by a poll of their own; until it answers, those shown stay.
    all("[data-figures][id]", fresh).forEach((part) => {
      const shown = byId(part.id);
      if (shown && old.contains(shown)) part.replaceChildren(...shown.childNodes);
    });
    old.replaceWith(fresh);
    window.htmx?.process(fresh);
    prepare(fresh);
  }

  function newEntries(old, fresh) {
    const known = new Set(all("[data-entry]", old).map((row) => row.dataset.entry));
    return all("[data-entry]", fresh).filter((row) => !known.has(row.dataset.entry)).length;
  }

  function offer(id, force = false) {
    const old = byId(id);
    const fresh = waiting.get(id);
    if (!old || !fresh) return;
    const pill = byId(old.dataset.pill || "");
    const count = pill ? newEntries(old, fresh) : 0;
    if (!force && count > 0) {
      pill.hidden = false;
      setText(pill.querySelector("[data-pill-text]") || pill, count === 1 ? "1 update, show" : `${count} updates, show`);
      return;
    }
    if (!force && isBusy(old)) return;
    waiting.delete(id);
    if (pill) pill.hidden = true;
    replace(old, fresh);
  }

  function take(html, holder) {
    const answer = new DOMParser().parseFromString(`<body>${html}</body>`, "text/html");
    const named = [...answer.body.children].filter((part) => part.id && byId(part.id));
    if (named.length === 0) {
      if (!isBusy(holder)) holder.replaceChildren(...answer.body.childNodes);
      return;
    }
    for (const part of named) {
      const old = byId(part.id);
      const fresh = document.importNode(part, true);
      if (signature(old) === signature(fresh)) waiting.delete(part.id);
      else waiting.set(part.id, fresh);
      offer(part.id);
    }
  }

  function lost(isLost) {
    const strip = byId("lost-server");
    if (!strip || strip.hidden === !isLost) return;
    setText(
      strip.querySelector("[data-lost-since]"),
      new Date(lastHeard).toLocaleTimeString([], { timeZoneName: "short" }),
    );
    strip.hidden = !isLost;
  }

  function endPolling() {
    signedOut = true;
    const strip = byId("signed-out");
    if (strip) strip.hidden = false;
  }

  function heard(response) {
    failures = 0;
    const stamp = Date.parse(response.headers.get("Date") || "");
    // The header counts whole seconds: only a real drift (a laptop that slept) moves the clocks.
    if (stamp && Math.abs(stamp - serverNow()) > 3000) offset = stamp - Date.now();
    lastHeard = serverNow();
    lost(false);
  }

  async function ask(holder) {
    const url = holder.dataset.poll;
    const headers = { "HX-Polling": "1", "X-Requested-With": "fetch" };
    if (etags.has(url)) headers["If-None-Match"] = etags.get(url);
    const before = swaps;
    const response = await fetch(url, {
      headers,
      credentials: "same-origin",
      redirect: "manual",
      cache: "no-store",
      signal: AbortSignal.timeout(10_000),
    });
    if (response.type === "opaqueredirect" || response.status === 401) return endPolling();
    if (response.status !== 304 && !response.ok) throw new Error(String(response.status));
    heard(response);
    if (response.status === 304) return;
    const html = await response.text();
    // A form was answered meanwhile: what was asked for before it is older than the page.
    if (before !== swaps) return;
    const etag = response.headers.get("ETag");
    if (etag) etags.set(url, etag);
    take(html, holder);
  }

  async function poll() {
    if (polling) again = true;
    if (polling || signedOut || document.hidden) return;
    polling = true;
    [...waiting.keys()].forEach((id) => offer(id));
    try {
      for (const holder of all("[data-poll]")) await ask(holder);
    } catch {
      failures += 1;
      // One lost answer is a hiccup; two in a row are worth a banner.
      if (failures >= 2) lost(true);
    } finally {
      polling = false;
      if (again) {
        again = false;
        poll();
      }
    }
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, requestConfig } = event.detail;
    swaps += 1;
    waiting.delete(target.id);
    if (xhr.status === 200 && requestConfig.elt.matches("form[data-keep]")) {
      session?.removeItem(draftName(requestConfig.elt));
    }
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-poll-now]")) {
      failures = 1;
      poll();
    }
    const pill = event.target.closest(".pill-updates[id]");
    if (!pill) return;
    all("[data-pill]").filter((list) => list.dataset.pill === pill.id).forEach((list) => offer(list.id, true));
  });
  document.addEventListener("visibilitychange", poll);
  document.addEventListener("focusout", () => setTimeout(() => [...waiting.keys()].forEach((id) => offer(id)), 50));
  window.addEventListener("pageshow", (event) => event.persisted && poll());

  // 3 Forms and drafts ------------------------------------------------------------------------

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.dataset.once === "off") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    form.setAttribute("aria-busy", "true");
    // A server that never answers must not lock the form for good; its tokens refuse a double.
    setTimeout(() => release(form), 15_000);
  });

  function release(form) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }

  window.addEventListener("pageshow", () => all("form[data-sent]").forEach(release));

  // A button that is blocked says why beside it; it does nothing.
  document.addEventListener("click", (event) => {
    if (event.target.closest('[aria-disabled="true"]')) event.preventDefault();
  });

  const DRAFT = "draft|";
  const draftName = (form) => `${DRAFT}${body.dataset.user || ""}|${form.getAttribute("action") || location.pathname}|${form.dataset.keep}`;
  const KEPT = "textarea, input:not([type=hidden], [type=password], [type=file], [type=checkbox], [type=radio], [type=submit])";
  const kept = (form) => [...form.elements].filter((field) => field.name && field.matches(KEPT));

  function readDraft(name) {
    try {
      return JSON.parse(session.getItem(name));
    } catch {
      return null;
    }
  }

  function writeDraft(name, draft) {
    try {
      session.setItem(name, JSON.stringify(draft));
    } catch {
      // No storage, no draft: the form still works.
    }
  }

  function draftNames() {
    return session ? Object.keys(session).filter((name) => name.startsWith(DRAFT)) : [];
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-keep]") || event.target.form;
    if (!form?.matches?.("form[data-keep]") || !event.target.matches(KEPT)) return;
    const name = draftName(form);
    const fields = readDraft(name)?.fields || {};
    fields[event.target.name] = { value: event.target.value, base: event.target.defaultValue };
    writeDraft(name, { fields });
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-forget-drafts]")) draftNames().forEach((name) => session.removeItem(name));
    if (event.defaultPrevented || !form.matches("[data-keep]")) return;
    const fields = {};
    for (const field of kept(form)) {
      if (field.value) fields[field.name] = { value: field.value, base: field.defaultValue };
    }
    writeDraft(draftName(form), { fields, sent: true });
  });

  // After a submit the next page tells its fate: sign-in and error pages carry data-unsaved, a
  // form shown again holds the text itself, and any other page means that it was saved.
  function settleDrafts() {
    for (const name of draftNames()) {
      const draft = readDraft(name);
      if (!draft?.sent) continue;
      if ("unsaved" in body.dataset) writeDraft(name, { fields: draft.fields });
      else session.removeItem(name);
    }
  }

  function putBack(form, fields) {
    for (const field of kept(form)) {
      if (!fields[field.name]) continue;
      field.value = fields[field.name].value;
      touched.add(field);
    }
    if (form.dataset.previewUrl) preview(form);
  }

  function showDraftNote(form, template, fields) {
    const note = byId(template)?.content.firstElementChild.cloneNode(true);
    if (!note) return;
    note.addEventListener("click", (event) => {
      if (event.target.matches("[data-draft-use]")) putBack(form, fields);
      else if (event.target.matches("[data-draft-drop]")) {
        session.removeItem(draftName(form));
        kept(form).forEach((field) => fields[field.name] && (field.value = field.defaultValue));
      } else return;
      note.remove();
    });
    form.prepend(note);
  }

  function restoreDraft(form) {
    const fields = readDraft(draftName(form))?.fields;
    if (!fields) return;
    const differing = kept(form).filter((field) => fields[field.name] && fields[field.name].value !== field.value);
    if (differing.length === 0) return;
    const unchanged = differing.every((field) => field.value === fields[field.name].base);
    if (unchanged) putBack(form, fields);
    showDraftNote(form, unchanged ? "draft-kept" : "draft-other", fields);
  }

  let previewTimer = 0;
  let previewing = null;
  // Names of fields that no answered preview has seen yet.
  const unseen = new Set();

  function preview(form) {
    clearTimeout(previewTimer);
    previewTimer = 0;
    previewing?.abort();
    const mine = (previewing = new AbortController());
    mine.ended = askPreview(form, mine.signal).finally(() => {
      if (previewing !== mine) return;
      previewing = null;
      if (!previewTimer) unseen.clear();
    });
  }

  async function askPreview(form, signal) {
    const target = document.querySelector(form.dataset.previewTarget);
    try {
      const response = await fetch(form.dataset.previewUrl, {
        method: "POST",
        body: new FormData(form),
        headers: { "X-Requested-With": "fetch", "X-Preview": "1" },
        credentials: "same-origin",
        redirect: "manual",
        signal,
      });
      if (response.type === "opaqueredirect") return endPolling();
      if (response.ok && target) take(await response.text(), target);
    } catch {
      // Superseded, or the server is away: the poll says so; the form itself still posts.
    }
  }

  function schedulePreview(event) {
    const form = event.target.form;
    if (!form?.dataset?.previewUrl) return;
    unseen.add(event.target.name);
    clearTimeout(previewTimer);
    previewTimer = setTimeout(preview, event.type === "change" ? 50 : 400, form);
  }
  document.addEventListener("input", schedulePreview);
  document.addEventListener("change", schedulePreview);

  // A submit that overtook its preview waits for it. It goes on when nothing that the person
  // decides upon changed by that; else they look at it first.
  const listOf = (text) => (text || "").split(" ").filter(Boolean);
  const choices = (id) =>
    all("input:checked", byId(id) || document.createElement("div"))
      .map((field) => `${field.name}=${field.value}`)
      .sort()
      .join("&");

  function isOvertaking(form) {
    const waits = listOf(form.dataset.previewWaits);
    return Boolean(previewTimer || previewing) && waits.some((name) => unseen.has(name));
  }

  async function lastPreview(form) {
    const limit = Date.now() + PREVIEW_MS;
    while ((previewTimer || previewing) && Date.now() < limit) {
      if (previewTimer) preview(form);
      const rest = new Promise((resolve) => setTimeout(resolve, limit - Date.now()));
      await Promise.race([previewing.ended, rest]);
    }
    // What waits because the focus is in it is wanted now.
    listOf(form.dataset.previewWatch).forEach((id) => offer(id, true));
  }

  async function submitSeen(form, submitter) {
    const watched = listOf(form.dataset.previewWatch);
    const before = watched.map(choices);
    watched.forEach((id) => byId(`${id}-changed`)?.setAttribute("hidden", ""));
    form.dataset.waiting = "1";
    body.classList.add("is-waiting");
    say("Looking up what this changes");
    await lastPreview(form);
    delete form.dataset.waiting;
    body.classList.remove("is-waiting");
    const changed = watched.filter((id, index) => choices(id) !== before[index]);
    if (changed.length === 0) {
      // The answer may have drawn the button anew.
      const name = submitter?.name;
      form.requestSubmit(name ? all(`[name="${name}"]`).find((button) => button.form === form) : null);
      return;
    }
    changed.forEach((id) => byId(`${id}-changed`)?.removeAttribute("hidden"));
    byId(`${changed[0]}-changed`)?.scrollIntoView({ block: "center" });
  }

  document.addEventListener(
    "submit",
    (event) => {
      const { target: form, submitter } = event;
      if (submitter?.name === "preview" || !(form.dataset.waiting || isOvertaking(form))) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (!form.dataset.waiting) submitSeen(form, submitter);
    },
    true,
  );

  // A filter or choice that submits its form at once; the form keeps a button for those without.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form?.requestSubmit();
  });

  // 4 Undo, copy, menus -----------------------------------------------------------------------

  function startUndo(box) {
    if (box.dataset.running) return;
    box.dataset.running = "1";
    const end = Date.now() + Number(box.dataset.undoSeconds) * 1000;
    const figure = box.querySelector(".undo-n");
    const count = () => {
      if (!box.isConnected) return;
      const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      if (figure?.firstChild) figure.firstChild.textContent = String(left);
      if (left > 0) {
        setTimeout(count, 250);
        return;
      }
      all("button, form", box).forEach((part) => part.remove());
      if (box.dataset.undoDone) box.replaceChildren(box.dataset.undoDone);
      poll();
    };
    count();
  }

  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
    const text = source ? (source.value ?? source.textContent) : button.dataset.copy;
    const label = button.textContent;
    try {
      await copy(text || "");
      button.textContent = "Copied";
      say("Copied");
    } catch {
      button.textContent = "Copy failed, select it by hand";
    }
    setTimeout(() => (button.textContent = label), 2000);
  });

  document.addEventListener("click", (event) => {
    all("details.menu[open]").forEach((menu) => menu.contains(event.target) || (menu.open = false));
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      opener.closest("details.menu")?.removeAttribute("open");
      byId(opener.dataset.dialog)?.showModal();
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-theme-set]")) window.setTheme?.(event.target.value);
    if (event.target.matches("[data-shortcuts-on]")) {
      local?.setItem("shortcuts", event.target.checked ? "on" : "off");
    }
  });

  function showChoices() {
    const theme = document.documentElement.dataset.themeChoice || "system";
    all("[data-theme-set]").forEach((radio) => (radio.checked = radio.value === theme));
    const on = byId("shortcuts-on");
    if (on) on.checked = shortcutsOn();
  }

  // 5 Keyboard --------------------------------------------------------------------------------

  const shortcutsOn = () => body.dataset.shortcuts !== "off" && local?.getItem("shortcuts") !== "off";
  const isTyping = (target) =>
    target.isContentEditable || (target.matches("input, select, textarea") && !target.matches("[type=checkbox], [type=radio], [type=button], [type=submit]"));
  const rows = () => all(".grid-incidents tbody tr, .grid-rows tbody tr, .duties > .duty, [data-row]").filter((row) => row.offsetParent);
  let prefix = "";
  let prefixTimer = 0;

  function moveRow(by) {
    const list = rows();
    if (list.length === 0) return;
    const marked = list.findIndex((row) => row.classList.contains("is-cursor"));
    const focused = list.findIndex((row) => row.contains(document.activeElement));
    const from = focused >= 0 ? focused : marked;
    const next = list[from < 0 ? 0 : Math.max(0, Math.min(list.length - 1, from + by))];
    list.forEach((row) => row.classList.toggle("is-cursor", row === next));
    // The focus goes to the row's link, so Enter opens it and screen readers follow.
    const link = next.querySelector("[data-open], a.row-title, a.btn, a");
    link?.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  const actionOf = (key) => all("[data-key]").find((item) => matchesKey(item, key) && item.offsetParent);

  function matchesKey(item, key) {
    const wanted = item.dataset.key;
    return wanted === key || (!wanted.startsWith("g ") && wanted.split(" ").includes(key));
  }

  function act(key) {
    // Hidden copies (the phone's menu) do not count; a hidden main menu's link still leads home.
    const item = actionOf(key) || all("a[data-key]").find((link) => matchesKey(link, key));
    if (!item) return false;
    if (item.matches("input, textarea, select")) item.focus();
    else item.click();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = document.querySelector("details.menu[open]");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !shortcutsOn()) return;
    if (!(event.target instanceof Element) || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const key = prefix ? `${prefix} ${event.key}` : event.key;
    prefix = "";
    clearTimeout(prefixTimer);
    let done = true;
    if (key === "j") moveRow(1);
    else if (key === "k") moveRow(-1);
    else if (key === "?") byId("shortcuts")?.showModal();
    else if (key === "g") {
      prefix = "g";
      prefixTimer = setTimeout(() => (prefix = ""), 1500);
    } else done = act(key);
    if (done) event.preventDefault();
  });

  // Start -------------------------------------------------------------------------------------

  function prepare(root) {
    all("[data-needs-script]", root).forEach((part) => (part.hidden = false));
    all("form[data-keep]", root).forEach(restoreDraft);
    all("[data-undo-seconds]", root).forEach(startUndo);
    tick();
  }

  settleDrafts();
  prepare(document);
  showChoices();
  measureBand();
  setInterval(tick, 1000);
  setInterval(poll, POLL_MS);
  all("[data-at-once]").forEach((holder) => ask(holder).catch(() => {}));
  document.addEventListener("htmx:afterSwap", (event) => prepare(event.target));
  // A form of a fragment changed more of the page than the fragment that answered.
  document.addEventListener("page-changed", (event) => {
    say(event.detail?.said || "");
    poll();
  });
  document.addEventListener("htmx:responseError", () => say("The server refused this step."));
})();

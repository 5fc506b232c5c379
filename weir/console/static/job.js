// A job's log as it grows: each call waits at the server until there is more.
const log = document.getElementById("log");

async function follow() {
  let offset = Number(log.dataset.offset), run = log.dataset.run, wait = 500;
  let decoder = new TextDecoder();
  while (true) {
    let answer;
    try {
      const asked = new URLSearchParams({ offset, run });
      answer = await fetch(`${log.dataset.follow}?${asked}`, { cache: "no-store" });
    } catch {
      answer = null;
    }
    // A server that restarts, or a proxy before it, is asked again; a refusal is final.
    if (!answer || answer.status >= 500) {
      await new Promise((go) => setTimeout(go, wait = Math.min(wait * 2, 10000)));
      continue;
    }
    if (!answer.ok) return;
    wait = 500;
    const data = await answer.arrayBuffer();
    if (answer.headers.get("X-Weir-Run") !== run) {
      run = answer.headers.get("X-Weir-Run");
      decoder = new TextDecoder();
      log.textContent = "";
    }
    offset = Number(answer.headers.get("X-Weir-Offset"));
    if (data.byteLength) {
      const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 30;
      log.append(decoder.decode(data, { stream: true }));
      document.getElementById("log-empty").hidden = true;
      if (atEnd) log.scrollTop = log.scrollHeight;
    }
    if (answer.headers.get("X-Weir-Complete") === "true") return;
  }
}

if (log) {
  log.scrollTop = log.scrollHeight;
  if (!("ended" in log.dataset)) follow();
}

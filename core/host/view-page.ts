// The page of a view (view.ts): a canvas that shows the display, and takes keys and the pointer for the machine. It needs nothing from anywhere else.

/** @param nonce what makes its style and its script its own (Content-Security-Policy) @param title of the appliance; any text */
export const viewPage = (nonce: string, title: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`)}</title>
<style nonce="${nonce}">
  body { margin: 0; background: #222; color: #ccc; font: 14px sans-serif; display: grid; place-content: center; justify-items: center; min-height: 100vh; }
  canvas { max-width: 100vw; max-height: calc(100vh - 2em); outline: none; cursor: crosshair; touch-action: none; }
  canvas:focus { box-shadow: 0 0 0 2px #69c; }
</style>
<canvas tabindex="0" width="1" height="1"></canvas>
<p>&nbsp;</p>
<script nonce="${nonce}">${SCRIPT}</script>
</html>
`;

/** What the browser does. Without a point where text is put into text: it is the same for every view. */
export const SCRIPT = String.raw`
"use strict";
const canvas = document.querySelector("canvas"), said = document.querySelector("p"), context = canvas.getContext("2d");
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const say = (text) => { if (said.textContent !== text) said.textContent = text; };
const HINT = "Keys and pointer go to the machine while the picture has the focus.";

async function look() {
  for (let after = -1; ; ) {
    try {
      const answer = await fetch("frame?after=" + after, { cache: "no-store" });
      if (!answer.ok) throw new Error("status " + answer.status);
      if (answer.status !== 204) {
        const picture = await createImageBitmap(await answer.blob());
        if (canvas.width !== picture.width || canvas.height !== picture.height) { canvas.width = picture.width; canvas.height = picture.height; }
        context.drawImage(picture, 0, 0);
        picture.close();
        after = Number(answer.headers.get("x-change"));
      }
      say(HINT);
    } catch {
      say("The machine does not answer: it has ended, or its view has.");
      await pause(1000);
      after = -1;
    }
  }
}

// One request at a time, so that what is pressed first arrives first.
const queue = [];
let sending = false;
async function tell(event) {
  if ("at" in event && queue.length > 0 && "at" in queue[queue.length - 1]) queue.pop();
  if (queue.length < 1000) queue.push(event);
  if (sending) return;
  sending = true;
  while (queue.length > 0) {
    try {
      await fetch("input", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(queue.splice(0, 64)), keepalive: true });
    } catch {
      queue.length = 0;
    }
  }
  sending = false;
}

const key = (down) => (event) => {
  event.preventDefault();
  if (!event.repeat) tell({ key: event.code, down });
};
canvas.addEventListener("keydown", key(true));
canvas.addEventListener("keyup", key(false));
canvas.addEventListener("blur", () => tell({ release: true }));
window.addEventListener("pagehide", () => tell({ release: true }));

const share = (at, of) => Math.min(1, Math.max(0, of > 1 ? at / (of - 1) : 0));
const point = (event) => tell({ at: [share(event.offsetX, canvas.clientWidth), share(event.offsetY, canvas.clientHeight)] });
const button = (down) => (event) => {
  const name = ["left", "middle", "right"][event.button];
  event.preventDefault();
  if (down) { canvas.focus(); canvas.setPointerCapture(event.pointerId); }
  point(event);
  if (name !== undefined) tell({ button: name, down });
};
canvas.addEventListener("pointermove", point);
canvas.addEventListener("pointerdown", button(true));
canvas.addEventListener("pointerup", button(false));
canvas.addEventListener("contextmenu", (event) => event.preventDefault());
let turned = 0;
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  turned += event.deltaY * (event.deltaMode === 0 ? 0.01 : 0.34);
  const steps = Math.trunc(turned);
  turned -= steps;
  if (steps !== 0) tell({ wheel: Math.max(-20, Math.min(20, -steps)) });
}, { passive: false });

canvas.focus();
look();
`;

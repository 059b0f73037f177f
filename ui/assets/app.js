// SPDX-License-Identifier: Apache-2.0
// What pages do beyond what they do without scripts: they warn before a session ends.
"use strict";

(() => {
  const dialog = document.getElementById("session-warning");
  if (!dialog || !dialog.showModal)
    return;

  const seconds = (name) => Number(dialog.dataset[name]) * 1000;
  let ends = Date.now() + seconds("ends");

  const tick = () => {
    const left = ends - Date.now();
    if (left <= 0)
      location.assign("/ui/sign-in");
    else if (left <= seconds("warn") && !dialog.open)
      dialog.showModal();
  };

  const stay = async (event) => {
    event.preventDefault();
    const form = event.target;
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      redirect: "manual",
    });
    if (!answer.ok) {
      location.assign("/ui/sign-in");
      return;
    }
    ends = Date.now() + (await answer.json()).ends_s * 1000;
    dialog.close();
  };

  dialog.querySelector("form").addEventListener("submit", stay);
  setInterval(tick, 1000);
})();

// Sends a picture through the API, as it was taken: its time and place are what makes it proof.
const form = document.getElementById("evidence");
const trouble = document.getElementById("evidence-trouble");
form.hidden = false;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const body = new FormData(form);
  if (!body.get("note").trim()) body.delete("note");
  button.disabled = true;
  trouble.hidden = true;
  try {
    const answer = await fetch(form.action, { method: "POST", headers: { "X-CSRF-Token": form.dataset.token }, body });
    if (answer.ok) return location.reload();
    tell(answer.status === 413 || answer.status === 422 ? "refused" : "failed");
  } catch {
    tell("unsent");
  }
  button.disabled = false;
});

function tell(why) {
  trouble.textContent = trouble.dataset[why];
  trouble.hidden = false;
  trouble.focus();
}

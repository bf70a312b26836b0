// While a page takes long: the way to give it up. The server then ends its search, since nobody waits for it.

const place = document.querySelector(".waiting");
const button = document.createElement("button");
button.type = "button";
button.className = "small";
button.textContent = "Cancel";
button.addEventListener("click", () => {
  stop();
  const text = document.createElement("p");
  text.setAttribute("role", "status");
  text.textContent = "Cancelled. A shorter range of time or a narrower filter takes less. ";
  const again = document.createElement("a");
  again.href = location.href;
  again.textContent = "Try again";
  text.append(again);
  place.replaceChildren(text);
  again.focus();
});
place.querySelector("[role=status]").append(" ", button);

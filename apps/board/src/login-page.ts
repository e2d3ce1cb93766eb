import { type Html, html } from './html.ts';

interface LoginShown {
  /** Where one was going: a path of the board. */
  readonly next: string;
  /** Why one is here, where there is a reason. */
  readonly said: string | null;
  readonly fault: string | null;
}

/** The form that asks people for the login; scripts use Basic authentication. */
export function loginForm(base: string, csrf: string, { next, said, fault }: LoginShown): Html {
  return html`${said !== null && html`<p class="notice" role="status">${said}</p>`}
<form class="login" method="post" action="${base}/login">
<input type="hidden" name="_csrf" value="${csrf}"><input type="hidden" name="next" value="${next}">
<label for="user">User</label><input id="user" name="user" autocomplete="username" required autofocus>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
${fault !== null && html`<p class="fault" role="alert">${fault}</p>`}
<button class="main">Log in</button>
</form>`;
}

import { type Html, html } from './html.ts';

/** The form that asks people for the login; scripts use Basic authentication. */
export function loginForm(base: string, csrf: string, fault: string | null): Html {
  return html`<form class="login" method="post" action="${base}/login">
<input type="hidden" name="_csrf" value="${csrf}">
<label for="user">User</label><input id="user" name="user" autocomplete="username" required autofocus>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
${fault !== null && html`<p class="fault" role="alert">${fault}</p>`}
<button>Log in</button>
</form>`;
}

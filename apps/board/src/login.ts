import { createHash, timingSafeEqual } from 'node:crypto';

/** Who may see the board; null where it is bound to loopback and nobody is asked. */
export type Login = { readonly user: string; readonly password: string } | null;

export interface LoginSettings {
  readonly PUSHFLEET_BOARD_HOST?: string;
  readonly PUSHFLEET_BOARD_USER?: string;
  readonly PUSHFLEET_BOARD_PASSWORD?: string;
}

/** What is wrong with the login as configured: half of one, or none where others can reach the board. */
export function loginFaults(settings: LoginSettings): string[] {
  const { PUSHFLEET_BOARD_HOST: host, PUSHFLEET_BOARD_USER: user } = settings;
  const password = settings.PUSHFLEET_BOARD_PASSWORD;
  if (user !== undefined && password !== undefined) {
    return user.includes(':') ? ['PUSHFLEET_BOARD_USER must not hold a colon (Basic authentication)'] : [];
  }
  if (user !== undefined) return ['PUSHFLEET_BOARD_PASSWORD is missing, and PUSHFLEET_BOARD_USER is set'];
  if (password !== undefined) return ['PUSHFLEET_BOARD_USER is missing, and PUSHFLEET_BOARD_PASSWORD is set'];
  if (host === undefined || isLoopback(host)) return [];
  return [
    `PUSHFLEET_BOARD_PASSWORD is missing: the board at ${host} can be reached from other machines, so set PUSHFLEET_BOARD_USER and PUSHFLEET_BOARD_PASSWORD, or PUSHFLEET_BOARD_HOST=127.0.0.1`,
  ];
}

/** After `loginFaults` found none. */
export function readLogin(settings: LoginSettings): Login {
  const { PUSHFLEET_BOARD_USER: user, PUSHFLEET_BOARD_PASSWORD: password } = settings;
  return user === undefined || password === undefined ? null : { user, password };
}

/** Compares both in constant time, whatever their lengths: digests are equally long. */
export function isLogin(login: NonNullable<Login>, user: string, password: string): boolean {
  const sameUser = timingSafeEqual(digest(user), digest(login.user));
  const samePassword = timingSafeEqual(digest(password), digest(login.password));
  return sameUser && samePassword;
}

/** Whether only this machine reaches the address. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

/**
 * Whether a request names this machine itself. Without a login this keeps out a foreign page whose name was
 * made to point to 127.0.0.1: its requests carry that name.
 */
export function namesThisMachine(hostHeader: string | undefined): boolean {
  return isLoopback((hostHeader ?? '').replace(/:\d+$/, ''));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

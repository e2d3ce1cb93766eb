import { type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import { warnOfOpenFiles } from '@pushfleet/shared/platform/file-permissions';
import { createLog, logFatalErrors } from '@pushfleet/shared/platform/log';
import { boardSettings, overviewSettings } from '@pushfleet/shared/platform/process-settings';
import { stopOnSignal } from '@pushfleet/shared/platform/stop';
import { startBoard } from './board.ts';
import { loginFaults } from './login.ts';

/**
 * Board: overview and Bull Board over the queues of all apps, until SIGTERM.
 *
 * @returns the exit code
 * @throws ConfigurationError where the settings cannot be used
 */
export async function runBoard(environment: Environment): Promise<number> {
  const config = loadConfig(boardSettings, environment, loginFaults);
  const hasMysql = (environment.PUSHFLEET_MYSQL_URL ?? '').trim() !== '';
  const overview = hasMysql ? loadConfig(overviewSettings, environment) : null;
  const log = createLog('board', {
    level: config.PUSHFLEET_LOG_LEVEL,
    format: config.PUSHFLEET_LOG_FORMAT,
  });
  logFatalErrors(log);
  warnOfOpenFiles(boardSettings, environment, log);

  const board = await startBoard(config, overview, log);
  const url = new URL(config.PUSHFLEET_BOARD_BASE_PATH, board.address).href;
  log.info(
    { event: 'board.ready', url, writable: config.PUSHFLEET_BOARD_WRITABLE },
    'the board can be opened',
  );

  return stopOnSignal(board.parts, { timeoutMs: config.PUSHFLEET_DRAIN_TIMEOUT_MS, log });
}

/** What runs a service: its libraries take long to load, and its clients do without them. */

export {
  type ConfigurationSources,
  type Configured,
  loadConfiguration,
  type Origin,
} from './configuration.js';
export { Daemon, type DaemonOptions } from './daemon.js';
export { type Logger, openLog } from './log.js';
export { ServiceManager } from './service-manager.js';
export {
  type Configuration,
  flagOf,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  variableOf,
} from './settings.js';

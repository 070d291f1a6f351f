// What a new object begins with.
const head = (kind, name, ns) => `apiVersion: hearth/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${ns}}\n`;

function fn(ns, env, image, file, code, entry) {
  return `${head('Environment', env, ns)}spec:\n  version: 3\n  runtime: {image: ${image}}\n---\n${head('Package', 'hello', ns)}spec:\n  environment: {name: ${env}}\n` +
    `  deployment:\n    type: files\n    files:\n      ${file}: |\n${code.split('\n').map((line) => (line ? `        ${line}` : '')).join('\n')}\n---\n` +
    `${head('Function', 'hello', ns)}spec:\n  environment: {name: ${env}}\n  package: {packageref: {name: hello}, functionName: ${entry}}\n---\n` +
    `${head('HTTPTrigger', 'hello', ns)}spec:\n  relativeurl: /hello\n  methods: [GET]\n  functionref: {type: name, name: hello}\n`;
}

export const TEMPLATES = {
  Function: (ns) => ({
    python: fn(ns, 'python', 'hearth/python-env', 'main.py', 'from flask import request\n\n\ndef main():\n    return f"Hello, {request.args.get(\'name\', \'world\')}!\\n"', 'main.main'),
    nodejs: fn(ns, 'nodejs', 'hearth/nodejs-env', 'hello.js', 'module.exports = async (context) => ({\n  status: 200,\n  body: `Hello, ${context.request.query.name || \'world\'}!\\n`,\n});', 'hello'),
  }),
  Environment: (ns) => `${head('Environment', 'python', ns)}spec:\n  version: 3\n  runtime: {image: hearth/python-env}\n  poolsize: 3\n`,
  Package: (ns) => `${head('Package', 'code', ns)}spec:\n  environment: {name: python}\n  deployment:\n    type: files\n    files:\n      main.py: |\n        def main():\n            return "Hello\\n"\n`,
  HTTPTrigger: (ns) => `${head('HTTPTrigger', 'route', ns)}spec:\n  relativeurl: /path\n  methods: [GET]\n  functionref: {type: name, name: hello}\n`,
  TimeTrigger: (ns) => `${head('TimeTrigger', 'nightly', ns)}spec:\n  cron: "30 2 * * *"\n  timeZone: Europe/Berlin\n  functionref: {type: name, name: hello}\n`,
  MessageQueueTrigger: (ns) => `${head('MessageQueueTrigger', 'orders', ns)}spec:\n  messageQueueType: kafka\n  topic: orders\n  errorTopic: orders-failed\n  maxRetries: 3\n  functionref: {type: name, name: hello}\n  metadata: {bootstrapServers: "kafka:9092"}\n`,
  KubernetesWatchTrigger: (ns) => `${head('KubernetesWatchTrigger', 'pods', ns)}spec:\n  type: POD\n  functionref: {type: name, name: hello}\n`,
  ConfigMap: (ns) => `${head('ConfigMap', 'settings', ns)}data:\n  level: info\n`,
};

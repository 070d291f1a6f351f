export default async (context) => ({ body: { path: context.request.path } });

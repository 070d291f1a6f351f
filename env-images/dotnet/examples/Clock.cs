using System;
using System.Threading.Tasks;
using Hearth;

/// <summary>Server-sent events: the time, once a second, ten times.</summary>
public class Clock
{
    public async Task Handle(Request request, Response response)
    {
        response.SetHeader("Content-Type", "text/event-stream");
        for (var i = 0; i < 10; i++)
        {
            response.Write("data: " + DateTime.UtcNow.ToString("o") + "\n\n");
            await Task.Delay(1000);
        }
    }
}
